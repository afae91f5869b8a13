# pragma version ~=0.4.3
"""
@title Registry of agents: their identity, metadata and wallet
@license Apache-2.0
@notice ERC-8004 identity: every participant (provider, miner, validator, agent, character) is an ERC-721 token, ids
        from 0, with a URI, metadata and one wallet that signs for it. Anyone registers.
@custom:halt Nobody can halt it, and it has no owner: no registration, transfer or wallet change can be stopped,
             and only an agent's owner, or whom it approved, changes anything of that agent.
"""

from ethereum.ercs import IERC165

import eip712
import signature

implements: IERC165

initializes: eip712

exports: (eip712.DOMAIN_SEPARATOR, eip712.eip712Domain)


interface Receiver:
    def onERC721Received(
        operator: address, sender: address, token_id: uint256, data: Bytes[MAX_CALLBACK_DATA]
    ) -> bytes4: nonpayable


name: public(constant(String[16])) = "AgentIdentity"
symbol: public(constant(String[8])) = "AGENT"
# Longest agent URI, bytes.
MAX_URI: constant(uint256) = 2048
# Longest key of a metadata entry, bytes.
MAX_METADATA_KEY: constant(uint256) = 64
# Longest value of a metadata entry, bytes.
MAX_METADATA_VALUE: constant(uint256) = 1024
# Most metadata entries in one registration; more are set one by one.
MAX_METADATA_ENTRIES: constant(uint256) = 16
# Longest signature of a new wallet, bytes; a contract's may be longer than a key's 65.
MAX_WALLET_SIGNATURE: constant(uint256) = 1024
# Longest data handed on to a receiving contract, bytes.
MAX_CALLBACK_DATA: constant(uint256) = 1024
# A wallet's signature may be dated at most this far ahead, seconds.
MAX_DEADLINE_DELAY: constant(uint256) = 300
WALLET_KEY: constant(String[11]) = "agentWallet"
WALLET_TYPEHASH: constant(bytes32) = keccak256(
    "AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)"
)
RECEIVED: constant(bytes4) = 0x150b7a02
INTERFACES: constant(bytes4[4]) = [0x01ffc9a7, 0x80ac58cd, 0x5b5e139f, 0x49064906]


struct MetadataEntry:
    metadataKey: String[MAX_METADATA_KEY]
    metadataValue: Bytes[MAX_METADATA_VALUE]


agent_count: public(uint256)
balances: HashMap[address, uint256]
owners: HashMap[uint256, address]
approvals: HashMap[uint256, address]
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])
uris: HashMap[uint256, String[MAX_URI]]
wallets: HashMap[uint256, address]
metadata: HashMap[uint256, HashMap[String[MAX_METADATA_KEY], Bytes[MAX_METADATA_VALUE]]]


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    token_id: indexed(uint256)


event Approval:
    owner: indexed(address)
    approved: indexed(address)
    token_id: indexed(uint256)


event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool


event MetadataUpdate:
    tokenId: uint256


event Registered:
    agentId: indexed(uint256)
    agentURI: String[MAX_URI]
    owner: indexed(address)


event MetadataSet:
    agentId: indexed(uint256)
    indexedMetadataKey: indexed(String[MAX_METADATA_KEY])
    metadataKey: String[MAX_METADATA_KEY]
    metadataValue: Bytes[MAX_METADATA_VALUE]


event URIUpdated:
    agentId: indexed(uint256)
    newURI: String[MAX_URI]
    updatedBy: indexed(address)


@deploy
def __init__():
    eip712.__init__("ERC8004IdentityRegistry", "1")


@external
def register(
    agentURI: String[MAX_URI] = "", metadata: DynArray[MetadataEntry, MAX_METADATA_ENTRIES] = []
) -> uint256:
    """
    @notice Register an agent of the caller, whose wallet is the caller until another is set; returns its id.
    """
    agent_id: uint256 = self.agent_count
    self.agent_count = unsafe_add(agent_id, 1)
    self.owners[agent_id] = msg.sender
    self.balances[msg.sender] += 1

    log Transfer(sender=empty(address), receiver=msg.sender, token_id=agent_id)
    log Registered(agentId=agent_id, agentURI=agentURI, owner=msg.sender)

    if len(agentURI) != 0:
        self._set_uri(agent_id, agentURI)

    for entry: MetadataEntry in metadata:
        self._set_metadata(agent_id, entry.metadataKey, entry.metadataValue)

    self._set_wallet(agent_id, msg.sender)
    self._check_received(empty(address), msg.sender, agent_id, b"")
    return agent_id


@external
def setAgentURI(agentId: uint256, newURI: String[MAX_URI]):
    """
    @notice Name where the agent's registration file is.
    """
    self._check_authorized(agentId)

    self._set_uri(agentId, newURI)

    log URIUpdated(agentId=agentId, newURI=newURI, updatedBy=msg.sender)


@external
@view
def getMetadata(agentId: uint256, metadataKey: String[MAX_METADATA_KEY]) -> Bytes[MAX_METADATA_VALUE]:
    """
    @notice The value under a key; under "agentWallet" the 20 bytes of the wallet, or nothing.
    """
    if metadataKey == WALLET_KEY:
        return self._wallet_bytes(self.wallets[agentId])

    return self.metadata[agentId][metadataKey]


@external
def setMetadata(
    agentId: uint256, metadataKey: String[MAX_METADATA_KEY], metadataValue: Bytes[MAX_METADATA_VALUE]
):
    """
    @notice Set the value under any key but "agentWallet".
    """
    self._check_authorized(agentId)

    self._set_metadata(agentId, metadataKey, metadataValue)


@external
def setAgentWallet(
    agentId: uint256, newWallet: address, deadline: uint256, signature_: Bytes[MAX_WALLET_SIGNATURE]
):
    """
    @notice Make `newWallet` the agent's wallet; the new wallet signs that it agrees, by key or by ERC-1271.
    """
    self._check_authorized(agentId)

    assert newWallet != empty(address), "identity: wallet is zero"
    assert block.timestamp <= deadline, "identity: signature has expired"
    assert deadline <= block.timestamp + MAX_DEADLINE_DELAY, "identity: deadline is too far ahead"

    digest: bytes32 = eip712._digest(
        keccak256(abi_encode(WALLET_TYPEHASH, agentId, newWallet, self.owners[agentId], deadline))
    )
    assert signature._is_signed(newWallet, digest, signature_), "identity: signature is not the wallet's"

    self._set_wallet(agentId, newWallet)


@external
def unsetAgentWallet(agentId: uint256):
    """
    @notice Leave the agent without a wallet.
    """
    self._check_authorized(agentId)

    self._set_wallet(agentId, empty(address))


@external
@view
def getAgentWallet(agentId: uint256) -> address:
    """
    @notice The wallet that signs for the agent; zero if there is none.
    """
    return self.wallets[agentId]


@external
@view
def isAuthorizedOrOwner(spender: address, agentId: uint256) -> bool:
    """
    @notice Whether `spender` owns the agent, operates for its owner, or is approved for it.
    """
    return self._is_authorized(spender, agentId)


@external
@view
def balanceOf(owner: address) -> uint256:
    assert owner != empty(address), "identity: owner is zero"

    return self.balances[owner]


@external
@view
def ownerOf(token_id: uint256) -> address:
    return self._owner_of(token_id)


@external
@view
def getApproved(token_id: uint256) -> address:
    self._owner_of(token_id)
    return self.approvals[token_id]


@external
@view
def tokenURI(token_id: uint256) -> String[MAX_URI]:
    self._owner_of(token_id)
    return self.uris[token_id]


@external
def approve(approved: address, token_id: uint256):
    owner: address = self._owner_of(token_id)
    assert msg.sender == owner or self.isApprovedForAll[owner][msg.sender], "identity: caller is not authorized"

    self.approvals[token_id] = approved

    log Approval(owner=owner, approved=approved, token_id=token_id)


@external
def setApprovalForAll(operator: address, approved: bool):
    self.isApprovedForAll[msg.sender][operator] = approved

    log ApprovalForAll(owner=msg.sender, operator=operator, approved=approved)


@external
def transferFrom(owner: address, receiver: address, token_id: uint256):
    self._transfer(owner, receiver, token_id)


@external
def safeTransferFrom(
    owner: address, receiver: address, token_id: uint256, data: Bytes[MAX_CALLBACK_DATA] = b""
):
    self._transfer(owner, receiver, token_id)
    self._check_received(owner, receiver, token_id, data)


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    return interface_id in INTERFACES


@internal
@view
def _owner_of(agent_id: uint256) -> address:
    owner: address = self.owners[agent_id]
    assert owner != empty(address), "identity: agent is unknown"

    return owner


@internal
@view
def _is_authorized(spender: address, agent_id: uint256) -> bool:
    owner: address = self._owner_of(agent_id)
    return (
        spender == owner or self.isApprovedForAll[owner][spender] or self.approvals[agent_id] == spender
    ) and spender != empty(address)


@internal
@view
def _check_authorized(agent_id: uint256):
    assert self._is_authorized(msg.sender, agent_id), "identity: caller is not authorized"


@internal
def _transfer(owner: address, receiver: address, agent_id: uint256):
    """
    @dev The wallet does not go with the agent: who buys an agent has not yet said who signs for it.
    """
    self._check_authorized(agent_id)

    assert self.owners[agent_id] == owner, "identity: sender is not the owner"
    assert receiver != empty(address), "identity: receiver is zero"

    self.approvals[agent_id] = empty(address)
    self.balances[owner] -= 1
    self.balances[receiver] += 1
    self.owners[agent_id] = receiver

    log Transfer(sender=owner, receiver=receiver, token_id=agent_id)

    self._set_wallet(agent_id, empty(address))


@internal
def _check_received(
    owner: address, receiver: address, agent_id: uint256, data: Bytes[MAX_CALLBACK_DATA]
):
    if receiver.is_contract:
        answer: bytes4 = extcall Receiver(receiver).onERC721Received(msg.sender, owner, agent_id, data)
        assert answer == RECEIVED, "identity: receiver refuses agents"


@internal
def _set_uri(agent_id: uint256, uri: String[MAX_URI]):
    self.uris[agent_id] = uri

    log MetadataUpdate(tokenId=agent_id)


@internal
def _set_metadata(
    agent_id: uint256, key: String[MAX_METADATA_KEY], content: Bytes[MAX_METADATA_VALUE]
):
    assert key != WALLET_KEY, "identity: key is reserved"

    self.metadata[agent_id][key] = content

    log MetadataSet(agentId=agent_id, indexedMetadataKey=key, metadataKey=key, metadataValue=content)


@internal
def _set_wallet(agent_id: uint256, wallet: address):
    self.wallets[agent_id] = wallet

    log MetadataSet(
        agentId=agent_id,
        indexedMetadataKey=WALLET_KEY,
        metadataKey=WALLET_KEY,
        metadataValue=self._wallet_bytes(wallet),
    )


@internal
@pure
def _wallet_bytes(wallet: address) -> Bytes[20]:
    if wallet == empty(address):
        return b""

    return slice(convert(wallet, bytes32), 12, 20)
