"""The inner loop of the EVM: the commonest instructions in place, all others by py-evm's own functions.

py-evm calls three functions an instruction; most instructions push, copy, compare, jump or touch memory, and
those are done here on plain integers. Gas, errors and results are exactly py-evm's: whatever touches state,
calls, logs or hashes stays with py-evm, and a differential test holds the rest to it.
"""

from __future__ import annotations

from typing import Any

from eth.exceptions import FullStack, Halt, InsufficientStack, InvalidJumpDestination, OutOfGas
from eth.vm.forks.cancun.computation import CancunComputation
from eth.vm.logic.invalid import InvalidOpcode

_WORD = 2**256 - 1
_STACK_LIMIT = 1024
_MAX_PROGRAMS = 2048


class Program:
    """Code prepared once: padded with STOPs, its constants, and where it may be jumped to."""

    __slots__ = ("code", "constants", "size", "targets")

    def __init__(self, code: bytes) -> None:
        self.size = len(code)
        self.code = code + bytes(33)
        self.constants: dict[int, int] = {}
        self.targets: frozenset[int] | None = None

    def jump_targets(self) -> frozenset[int]:
        """The positions of JUMPDEST that are not inside a constant."""
        if self.targets is None:
            found = []
            code, at, size = self.code, 0, self.size
            while at < size:
                op = code[at]
                if op == 0x5B:
                    found.append(at)
                elif 0x60 <= op <= 0x7F:
                    at += op - 0x5F
                at += 1
            self.targets = frozenset(found)
        return self.targets


_programs: dict[bytes, Program] = {}


def program_of(code: bytes) -> Program:
    """The prepared program of this code, kept for the next call."""
    found = _programs.get(code)
    if found is None:
        if len(_programs) >= _MAX_PROGRAMS:
            _programs.clear()
        found = _programs[code] = Program(code)
    return found


class Computation(CancunComputation):  # type: ignore[misc]
    """py-evm's Cancun computation with a faster inner loop."""

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Any:
        """Run one frame; what py-evm's method of this name does."""
        with cls(state, message, transaction_context) as computation:
            if computation.is_origin_computation:
                computation.contracts_created = []
                if message.is_create:
                    cls.consume_initcode_gas_cost(computation)
            if parent_computation is not None:
                computation.contracts_created = parent_computation.contracts_created
            if message.is_create:
                computation.contracts_created.append(message.storage_address)
            precompile = computation.precompiles.get(message.code_address)
            if precompile is not None:
                if not message.is_delegation:
                    precompile(computation)
                return computation
            if message.code:
                try:
                    _interpret(computation)
                except IndexError:
                    raise InsufficientStack("the stack holds too few items") from None
        return computation


def _interpret(computation: Any) -> None:
    """Run a frame's code to its end, or to the py-evm exception that ends it."""
    program = program_of(computation.msg.code)
    code, constants = program.code, program.constants
    meter, memory = computation._gas_meter, computation._memory
    stack: list[int] = computation._stack.values
    pop, push = stack.pop, stack.append
    opcodes = computation.opcodes
    data: bytes | None = None
    mem: bytearray = memory._bytes
    gas: int = meter.gas_remaining
    pc = 0
    while True:
        op = code[pc]
        pc += 1
        if 0x5F <= op <= 0x9F:
            if op >= 0x80:
                gas -= 3
                if gas < 0:
                    raise OutOfGas("out of gas")
                if op >= 0x90:
                    at = 0x8E - op
                    stack[-1], stack[at] = stack[at], stack[-1]
                    continue
                push(stack[0x7F - op])
            elif op == 0x5F:
                gas -= 2
                if gas < 0:
                    raise OutOfGas("out of gas")
                push(0)
            else:
                gas -= 3
                if gas < 0:
                    raise OutOfGas("out of gas")
                value = constants.get(pc)
                if value is None:
                    value = constants[pc] = int.from_bytes(code[pc : pc + op - 0x5F], "big")
                push(value)
                pc += op - 0x5F
            if len(stack) > _STACK_LIMIT:
                raise FullStack("the stack is full")
            continue
        if op == 0x52 or op == 0x51:  # MSTORE, MLOAD
            at = pop()
            end = at + 32
            gas -= 3
            have = len(mem)
            if end > have:
                words, old = (end + 31) // 32, have // 32
                gas -= 3 * (words - old) + words * words // 512 - old * old // 512
                if gas < 0:
                    raise OutOfGas("out of gas")
                more = bytes(words * 32 - have)
                try:
                    mem.extend(more)
                except BufferError:  # a child frame still holds a view of the old memory
                    mem = memory._bytes = mem + more
            elif gas < 0:
                raise OutOfGas("out of gas")
            if op == 0x52:
                mem[at:end] = pop().to_bytes(32, "big")
            else:
                push(int.from_bytes(mem[at:end], "big"))
        elif op == 0x5B:  # JUMPDEST
            gas -= 1
            if gas < 0:
                raise OutOfGas("out of gas")
        elif op == 0x57:  # JUMPI
            gas -= 10
            if gas < 0:
                raise OutOfGas("out of gas")
            at = pop()
            if pop():
                if at not in (program.targets or program.jump_targets()):
                    raise InvalidJumpDestination("invalid jump destination")
                pc = at
        elif op == 0x56:  # JUMP
            gas -= 8
            if gas < 0:
                raise OutOfGas("out of gas")
            pc = pop()
            if pc not in (program.targets or program.jump_targets()):
                raise InvalidJumpDestination("invalid jump destination")
        elif op == 0x50:  # POP
            gas -= 2
            if gas < 0:
                raise OutOfGas("out of gas")
            pop()
        elif 0x10 <= op <= 0x1C and op not in _SIGNED:
            gas -= 3
            if gas < 0:
                raise OutOfGas("out of gas")
            if op == 0x15:  # ISZERO
                stack[-1] = 0 if stack[-1] else 1
            elif op == 0x19:  # NOT
                stack[-1] ^= _WORD
            else:
                a = pop()
                b = stack[-1]
                if op == 0x14:  # EQ
                    stack[-1] = 1 if a == b else 0
                elif op == 0x10:  # LT
                    stack[-1] = 1 if a < b else 0
                elif op == 0x11:  # GT
                    stack[-1] = 1 if a > b else 0
                elif op == 0x16:  # AND
                    stack[-1] = a & b
                elif op == 0x1C:  # SHR
                    stack[-1] = b >> a if a < 256 else 0
                elif op == 0x1B:  # SHL
                    stack[-1] = (b << a) & _WORD if a < 256 else 0
                elif op == 0x17:  # OR
                    stack[-1] = a | b
                else:  # XOR
                    stack[-1] = a ^ b
        elif op == 0x01 or op == 0x03:  # ADD, SUB
            gas -= 3
            if gas < 0:
                raise OutOfGas("out of gas")
            a = pop()
            stack[-1] = (a + stack[-1] if op == 0x01 else a - stack[-1]) & _WORD
        elif op == 0x02 or op == 0x04 or op == 0x06:  # MUL, DIV, MOD
            gas -= 5
            if gas < 0:
                raise OutOfGas("out of gas")
            a = pop()
            b = stack[-1]
            if op == 0x02:
                stack[-1] = (a * b) & _WORD
            elif b:
                stack[-1] = a // b if op == 0x04 else a % b
        elif op == 0x35:  # CALLDATALOAD
            gas -= 3
            if gas < 0:
                raise OutOfGas("out of gas")
            if data is None:
                data = bytes(computation.msg.data)
            at = stack[-1]
            stack[-1] = int.from_bytes(data[at : at + 32].ljust(32, b"\0"), "big")
        elif op == 0x58 or op == 0x5A:  # PC, GAS
            gas -= 2
            if gas < 0:
                raise OutOfGas("out of gas")
            push(pc - 1 if op == 0x58 else gas)
            if len(stack) > _STACK_LIMIT:
                raise FullStack("the stack is full")
        else:
            meter.gas_remaining = gas
            run = opcodes.get(op) or InvalidOpcode(op)
            try:
                run(computation=computation)
            except Halt:
                return
            gas = meter.gas_remaining
            mem = memory._bytes
            if stack and stack[-1].__class__ is not int:
                stack[-1] = int.from_bytes(stack[-1], "big")  # type: ignore[arg-type]


_SIGNED = frozenset((0x12, 0x13, 0x1A))  # SLT, SGT and BYTE stay with py-evm
