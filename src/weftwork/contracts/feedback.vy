# pragma version ~=0.4.3
"""
@title Entries of feedback
@license Apache-2.0
@notice Where a reputation registry keeps its feedback and responses, and how they are read: one by one, by pages, and
        added up.
"""

# Longest tag, bytes.
MAX_TAG: constant(uint256) = 64
# Most clients (or responders) named in one call.
MAX_CLIENTS: constant(uint256) = 256
# Most entries of feedback returned at once; `read_feedback_page` reads on.
MAX_FEEDBACK_PAGE: constant(uint256) = 64
# Most clients returned at once; `read_clients_page` reads on.
MAX_CLIENT_PAGE: constant(uint256) = 512
# Most responders of one entry of feedback.
MAX_RESPONDERS: constant(uint256) = 2**32
MAX_INDEX: constant(uint256) = 2**64 - 1
MAX_DECIMALS: constant(uint256) = 18


struct Feedback:
    value: int128
    decimals: uint8
    revoked: bool
    tag1: String[MAX_TAG]
    tag2: String[MAX_TAG]


struct Tally:
    count: uint64
    total: int256
    by_decimals: uint64[19]


feedback: HashMap[uint256, HashMap[address, HashMap[uint64, Feedback]]]
last_index: HashMap[uint256, HashMap[address, uint64]]
client_count: public(HashMap[uint256, uint256])
clients: HashMap[uint256, HashMap[uint256, address]]
responder_count: HashMap[uint256, HashMap[address, HashMap[uint64, uint256]]]
responders: HashMap[uint256, HashMap[address, HashMap[uint64, HashMap[uint256, address]]]]
responses: HashMap[uint256, HashMap[address, HashMap[uint64, HashMap[address, uint64]]]]


@external
@view
def read_tally_page(
    agentId: uint256,
    client: address,
    start: uint64,
    count: uint64,
    tag1: String[MAX_TAG],
    tag2: String[MAX_TAG],
) -> Tally:
    """
    @notice What a summary adds up, over `count` entries of one client from index `start` (1 is the first): add the
            pages of all clients to get a summary of any size.
    """
    if count == 0:
        return empty(Tally)

    last: uint64 = min(start + count - 1, self.last_index[agentId][client])
    return self._tally(empty(Tally), agentId, client, max(start, 1), last, tag1, tag2)


@external
@view
def readFeedback(
    agentId: uint256, clientAddress: address, feedbackIndex: uint64
) -> (int128, uint8, String[MAX_TAG], String[MAX_TAG], bool):
    """
    @notice One entry of feedback: value, decimals, tags, whether it is revoked.
    """
    self._check_index(agentId, clientAddress, feedbackIndex)

    entry: Feedback = self.feedback[agentId][clientAddress][feedbackIndex]
    return entry.value, entry.decimals, entry.tag1, entry.tag2, entry.revoked


@external
@view
def read_feedback_page(
    agentId: uint256, client: address, start: uint64, count: uint64
) -> DynArray[Feedback, MAX_FEEDBACK_PAGE]:
    """
    @notice Up to `count` entries of one client from index `start` (1 is the first), revoked ones too.
    """
    assert convert(count, uint256) <= MAX_FEEDBACK_PAGE, "reputation: page is too long"
    assert start != 0, "reputation: index is out of range"

    page: DynArray[Feedback, MAX_FEEDBACK_PAGE] = []
    last: uint64 = self.last_index[agentId][client]
    for i: uint256 in range(convert(count, uint256), bound=MAX_FEEDBACK_PAGE):
        index: uint64 = start + convert(i, uint64)
        if index > last:
            break

        page.append(self.feedback[agentId][client][index])

    return page


@external
@view
def getResponseCount(
    agentId: uint256,
    clientAddress: address,
    feedbackIndex: uint64,
    responders: DynArray[address, MAX_CLIENTS],
) -> uint64:
    """
    @notice How many responses were given; a zero client, a zero index and no responders stand for all.
    """
    count: uint64 = 0
    if clientAddress != empty(address):
        return self._count_responses(agentId, clientAddress, feedbackIndex, responders)

    for i: uint256 in range(self.client_count[agentId], bound=MAX_INDEX):
        count += self._count_responses(agentId, self.clients[agentId][i], 0, responders)

    return count


@external
@view
def getClients(agentId: uint256) -> DynArray[address, MAX_CLIENT_PAGE]:
    """
    @notice Who gave the agent feedback; reverts beyond MAX_CLIENT_PAGE clients, where pages are to be read.
    """
    assert self.client_count[agentId] <= MAX_CLIENT_PAGE, "reputation: too many, read pages"

    return self._client_page(agentId, 0, MAX_CLIENT_PAGE)


@external
@view
def read_clients_page(agentId: uint256, start: uint256, count: uint256) -> DynArray[address, MAX_CLIENT_PAGE]:
    """
    @notice Up to `count` clients of the agent, oldest first, from number `start` (0 is the first).
    """
    assert count <= MAX_CLIENT_PAGE, "reputation: page is too long"

    return self._client_page(agentId, start, count)


@external
@view
def getLastIndex(agentId: uint256, clientAddress: address) -> uint64:
    """
    @notice How many entries of feedback a client gave, revoked ones too.
    """
    return self.last_index[agentId][clientAddress]


@internal
@view
def _check_index(agent_id: uint256, client: address, index: uint64):
    assert index != 0 and index <= self.last_index[agent_id][client], "reputation: index is out of range"


@internal
@view
def _matches(entry: Feedback, tag1: String[MAX_TAG], tag2: String[MAX_TAG]) -> bool:
    return (len(tag1) == 0 or tag1 == entry.tag1) and (len(tag2) == 0 or tag2 == entry.tag2)


@internal
@view
def _tally(
    before: Tally,
    agent_id: uint256,
    client: address,
    first: uint64,
    last: uint64,
    tag1: String[MAX_TAG],
    tag2: String[MAX_TAG],
) -> Tally:
    tally: Tally = before
    if first > last:
        return tally

    for i: uint256 in range(convert(first, uint256), convert(last, uint256) + 1, bound=MAX_INDEX):
        entry: Feedback = self.feedback[agent_id][client][convert(i, uint64)]
        if entry.revoked or not self._matches(entry, tag1, tag2):
            continue

        decimals: uint256 = convert(entry.decimals, uint256)
        tally.total += convert(entry.value, int256) * convert(10 ** (MAX_DECIMALS - decimals), int256)
        tally.by_decimals[decimals] += 1
        tally.count += 1

    return tally


@internal
@view
def _count_responses(
    agent_id: uint256, client: address, index: uint64, named: DynArray[address, MAX_CLIENTS]
) -> uint64:
    count: uint64 = 0
    first: uint64 = index
    last: uint64 = index
    if index == 0:
        first = 1
        last = self.last_index[agent_id][client]

    if first > last:
        return 0

    for i: uint256 in range(convert(first, uint256), convert(last, uint256) + 1, bound=MAX_INDEX):
        entry: uint64 = convert(i, uint64)
        if len(named) != 0:
            for responder: address in named:
                count += self.responses[agent_id][client][entry][responder]
        else:
            for j: uint256 in range(self.responder_count[agent_id][client][entry], bound=MAX_RESPONDERS):
                count += self.responses[agent_id][client][entry][self.responders[agent_id][client][entry][j]]

    return count


@internal
@view
def _client_page(agent_id: uint256, start: uint256, count: uint256) -> DynArray[address, MAX_CLIENT_PAGE]:
    page: DynArray[address, MAX_CLIENT_PAGE] = []
    end: uint256 = min(start + count, self.client_count[agent_id])
    if start < end:
        for i: uint256 in range(start, end, bound=MAX_CLIENT_PAGE):
            page.append(self.clients[agent_id][i])

    return page
