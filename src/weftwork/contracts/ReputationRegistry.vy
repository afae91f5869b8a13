# pragma version ~=0.4.3
"""
@title Registry of feedback on agents
@license Apache-2.0
@notice ERC-8004 reputation: anyone but an agent's owner or operators gives it signed-by-sender feedback, may revoke
        it, and anyone appends responses. Nothing here resists invented clients: a summary counts only the clients
        that the caller names.
@custom:halt Nobody can halt it, and it has no owner. Only a client revokes its own feedback.
"""

import feedback

initializes: feedback

exports: (
    feedback.client_count,
    feedback.getClients,
    feedback.getLastIndex,
    feedback.getResponseCount,
    feedback.readFeedback,
    feedback.read_clients_page,
    feedback.read_feedback_page,
    feedback.read_tally_page,
)


interface Identity:
    def isAuthorizedOrOwner(spender: address, agentId: uint256) -> bool: view


# Longest endpoint, bytes.
MAX_ENDPOINT: constant(uint256) = 512
# Longest URI of feedback or response, bytes.
MAX_URI: constant(uint256) = 2048
MAX_ABSOLUTE: constant(int128) = 10**38


struct Reading:
    clients: DynArray[address, feedback.MAX_FEEDBACK_PAGE]
    indexes: DynArray[uint64, feedback.MAX_FEEDBACK_PAGE]
    values: DynArray[int128, feedback.MAX_FEEDBACK_PAGE]
    decimals: DynArray[uint8, feedback.MAX_FEEDBACK_PAGE]
    tags1: DynArray[String[feedback.MAX_TAG], feedback.MAX_FEEDBACK_PAGE]
    tags2: DynArray[String[feedback.MAX_TAG], feedback.MAX_FEEDBACK_PAGE]
    revoked: DynArray[bool, feedback.MAX_FEEDBACK_PAGE]


identity: address


event NewFeedback:
    agentId: indexed(uint256)
    clientAddress: indexed(address)
    feedbackIndex: uint64
    value: int128
    valueDecimals: uint8
    indexedTag1: indexed(String[feedback.MAX_TAG])
    tag1: String[feedback.MAX_TAG]
    tag2: String[feedback.MAX_TAG]
    endpoint: String[MAX_ENDPOINT]
    feedbackURI: String[MAX_URI]
    feedbackHash: bytes32


event FeedbackRevoked:
    agentId: indexed(uint256)
    clientAddress: indexed(address)
    feedbackIndex: indexed(uint64)


event ResponseAppended:
    agentId: indexed(uint256)
    clientAddress: indexed(address)
    feedbackIndex: uint64
    responder: indexed(address)
    responseURI: String[MAX_URI]
    responseHash: bytes32


@deploy
def __init__(identity: address):
    """
    @notice `identity` is the registry of agents; zero leaves it to `initialize`.
    """
    self.identity = identity


@external
def initialize(identityRegistry: address):
    """
    @notice Set the registry of agents, once, if the deployment did not.
    """
    assert self.identity == empty(address), "reputation: is initialized"

    self.identity = identityRegistry


@external
@view
def getIdentityRegistry() -> address:
    return self.identity


@external
def giveFeedback(
    agentId: uint256,
    value_: int128,
    valueDecimals: uint8,
    tag1: String[feedback.MAX_TAG],
    tag2: String[feedback.MAX_TAG],
    endpoint: String[MAX_ENDPOINT],
    feedbackURI: String[MAX_URI],
    feedbackHash: bytes32,
):
    """
    @notice Give the agent `value_ / 10**valueDecimals`; the tags say of what.
    """
    assert convert(valueDecimals, uint256) <= feedback.MAX_DECIMALS, "reputation: too many decimals"
    assert value_ <= MAX_ABSOLUTE and value_ >= -MAX_ABSOLUTE, "reputation: value is too large"
    assert not staticcall Identity(self.identity).isAuthorizedOrOwner(
        msg.sender, agentId
    ), "reputation: feedback on oneself"

    index: uint64 = feedback.last_index[agentId][msg.sender] + 1
    if index == 1:
        count: uint256 = feedback.client_count[agentId]
        feedback.clients[agentId][count] = msg.sender
        feedback.client_count[agentId] = count + 1

    feedback.last_index[agentId][msg.sender] = index
    feedback.feedback[agentId][msg.sender][index] = feedback.Feedback(
        value=value_, decimals=valueDecimals, revoked=False, tag1=tag1, tag2=tag2
    )

    log NewFeedback(
        agentId=agentId,
        clientAddress=msg.sender,
        feedbackIndex=index,
        value=value_,
        valueDecimals=valueDecimals,
        indexedTag1=tag1,
        tag1=tag1,
        tag2=tag2,
        endpoint=endpoint,
        feedbackURI=feedbackURI,
        feedbackHash=feedbackHash,
    )


@external
def revokeFeedback(agentId: uint256, feedbackIndex: uint64):
    """
    @notice Take back feedback of the caller; summaries no longer count it.
    """
    feedback._check_index(agentId, msg.sender, feedbackIndex)

    assert not feedback.feedback[agentId][msg.sender][feedbackIndex].revoked, "reputation: feedback is revoked"

    feedback.feedback[agentId][msg.sender][feedbackIndex].revoked = True

    log FeedbackRevoked(agentId=agentId, clientAddress=msg.sender, feedbackIndex=feedbackIndex)


@external
def appendResponse(
    agentId: uint256,
    clientAddress: address,
    feedbackIndex: uint64,
    responseURI: String[MAX_URI],
    responseHash: bytes32,
):
    """
    @notice Respond to an entry of feedback; anyone may.
    """
    feedback._check_index(agentId, clientAddress, feedbackIndex)

    assert len(responseURI) != 0, "reputation: response is empty"

    given: uint64 = feedback.responses[agentId][clientAddress][feedbackIndex][msg.sender]
    if given == 0:
        count: uint256 = feedback.responder_count[agentId][clientAddress][feedbackIndex]
        feedback.responders[agentId][clientAddress][feedbackIndex][count] = msg.sender
        feedback.responder_count[agentId][clientAddress][feedbackIndex] = count + 1

    feedback.responses[agentId][clientAddress][feedbackIndex][msg.sender] = given + 1

    log ResponseAppended(
        agentId=agentId,
        clientAddress=clientAddress,
        feedbackIndex=feedbackIndex,
        responder=msg.sender,
        responseURI=responseURI,
        responseHash=responseHash,
    )


@external
@view
def getSummary(
    agentId: uint256,
    clientAddresses: DynArray[address, feedback.MAX_CLIENTS],
    tag1: String[feedback.MAX_TAG],
    tag2: String[feedback.MAX_TAG],
) -> (uint64, int128, uint8):
    """
    @notice Count and mean of what the named clients gave, in the decimals that most of it has (the fewest, if two
            are as frequent); an empty tag matches all. Both divisions go toward zero.
    """
    assert len(clientAddresses) != 0, "reputation: no clients are named"

    tally: feedback.Tally = empty(feedback.Tally)
    for client: address in clientAddresses:
        tally = feedback._tally(tally, agentId, client, 1, feedback.last_index[agentId][client], tag1, tag2)

    if tally.count == 0:
        return 0, 0, 0

    decimals: uint256 = 0
    most: uint64 = 0
    for i: uint256 in range(19):
        if tally.by_decimals[i] > most:
            most = tally.by_decimals[i]
            decimals = i

    mean: int256 = tally.total // convert(tally.count, int256)
    scaled: int256 = mean // convert(10 ** (feedback.MAX_DECIMALS - decimals), int256)
    assert (
        scaled <= convert(max_value(int128), int256) and scaled >= convert(min_value(int128), int256)
    ), "reputation: mean is out of range"

    return tally.count, convert(scaled, int128), convert(decimals, uint8)


@external
@view
def readAllFeedback(
    agentId: uint256,
    clientAddresses: DynArray[address, feedback.MAX_CLIENTS],
    tag1: String[feedback.MAX_TAG],
    tag2: String[feedback.MAX_TAG],
    includeRevoked: bool,
) -> (
    DynArray[address, feedback.MAX_FEEDBACK_PAGE],
    DynArray[uint64, feedback.MAX_FEEDBACK_PAGE],
    DynArray[int128, feedback.MAX_FEEDBACK_PAGE],
    DynArray[uint8, feedback.MAX_FEEDBACK_PAGE],
    DynArray[String[feedback.MAX_TAG], feedback.MAX_FEEDBACK_PAGE],
    DynArray[String[feedback.MAX_TAG], feedback.MAX_FEEDBACK_PAGE],
    DynArray[bool, feedback.MAX_FEEDBACK_PAGE],
):
    """
    @notice All entries of the named clients (of every client, if none is named) that match; reverts beyond
            MAX_FEEDBACK_PAGE of them, where pages are to be read.
    """
    named: uint256 = len(clientAddresses)
    count: uint256 = named
    if named == 0:
        count = feedback.client_count[agentId]

    found: Reading = empty(Reading)
    for i: uint256 in range(count, bound=feedback.MAX_INDEX):
        client: address = empty(address)
        if named == 0:
            client = feedback.clients[agentId][i]
        else:
            client = clientAddresses[i]

        last: uint64 = feedback.last_index[agentId][client]
        for j: uint256 in range(convert(last, uint256), bound=feedback.MAX_INDEX):
            index: uint64 = convert(j + 1, uint64)
            entry: feedback.Feedback = feedback.feedback[agentId][client][index]
            if (entry.revoked and not includeRevoked) or not feedback._matches(entry, tag1, tag2):
                continue

            assert len(found.clients) < feedback.MAX_FEEDBACK_PAGE, "reputation: too many, read pages"

            found.clients.append(client)
            found.indexes.append(index)
            found.values.append(entry.value)
            found.decimals.append(entry.decimals)
            found.tags1.append(entry.tag1)
            found.tags2.append(entry.tag2)
            found.revoked.append(entry.revoked)

    return (
        found.clients,
        found.indexes,
        found.values,
        found.decimals,
        found.tags1,
        found.tags2,
        found.revoked,
    )
