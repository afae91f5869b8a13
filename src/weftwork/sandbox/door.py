"""A door into another network namespace: a small process that makes sockets there and hands them out.

What runs in a namespace of its own reaches nothing; its ports are reached through such sockets. It works for
root, and without privileges where this process owns the user namespace above: see :func:`own_user_namespace`.
Source: setns(2), unshare(2), unix(7), user_namespaces(7).
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import os
import signal
import socket
import struct
import time

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_ANSWER_SECONDS = 10.0


def own_user_namespace() -> None:
    """Makes this process root of a user namespace of its own, which its sandboxes will lie in; root stays.

    Raises OSError where the system forbids it. Only one thread may run.
    """
    if os.geteuid() == 0:
        return
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", _NEWUSER)
    with contextlib.suppress(FileNotFoundError), open("/proc/self/setgroups", "w") as place:
        place.write("deny")
    for name, outside in (("uid_map", uid), ("gid_map", gid)):
        with open(f"/proc/self/{name}", "w") as place:
            place.write(f"0 {outside} 1")


class Door:
    """Sockets in the network namespace of process ``pid``; raises OSError where it cannot be entered."""

    def __init__(self, pid: int) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(_ANSWER_SECONDS)
        self._child = os.fork()
        if self._child == 0:
            _serve(pid, theirs)
        theirs.close()
        try:
            if self._ours.recv(256) != b"ready":
                raise OSError("the network of the sandbox cannot be entered")
        except OSError:
            self.close()
            raise

    def dial(self) -> socket.socket:
        """A TCP socket of the namespace, not yet connected."""
        return self._ask(b"dial")

    def listen(self, host: str, port: int) -> socket.socket:
        """A TCP socket that listens in the namespace on ``host`` and ``port``."""
        return self._ask(f"listen {host} {port}".encode())

    def close(self) -> None:
        """Ends the process behind the door."""
        self._ours.close()
        with contextlib.suppress(OSError):
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)

    def _ask(self, words: bytes) -> socket.socket:
        self._ours.send(words)
        size = struct.calcsize("i")
        told, control, _, _ = self._ours.recvmsg(256, socket.CMSG_SPACE(size))
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                return socket.socket(fileno=struct.unpack("i", data[:size])[0])
        raise OSError(told.decode(errors="replace") or "the door is shut")


def _serve(pid: int, peer: socket.socket) -> None:
    """The process behind the door; never returns."""
    try:
        _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
        keep = peer.fileno()
        os.closerange(0, keep)
        os.closerange(keep + 1, 4096)
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        _call("setns", namespace, _NEWNET)
        with (
            contextlib.suppress(OSError),
            open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as place,
        ):
            place.write("0")
        _await_loopback()
        peer.send(b"ready")
        while words := peer.recv(256):
            try:
                made = _make(words.decode().split())
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made.fileno()]))]
                peer.sendmsg([b"here"], rights)
                made.close()
            except OSError as error:
                peer.send(str(error).encode()[:200] or b"error")
    except BaseException:  # a forked process must not go back into its parent's code
        os._exit(1)
    os._exit(0)


def _make(words: list[str]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if words[0] == "listen":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((words[1], int(words[2])))
        made.listen(64)
    return made


def _await_loopback() -> None:
    """Returns when 127.0.0.1 is there; bubblewrap raises it shortly after it tells its process id."""
    for _ in range(1000):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            try:
                probe.connect(("127.0.0.1", 9))
                return
            except OSError:
                time.sleep(0.002)
    raise OSError("the sandbox has no loopback")


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*[ctypes.c_ulong(argument) for argument in arguments]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
