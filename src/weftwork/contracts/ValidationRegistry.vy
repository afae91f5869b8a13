# pragma version ~=0.4.3
"""
@title Registry of validations of agents' work
@license Apache-2.0
@notice ERC-8004 validation: an agent asks a validator by name to check some work; that validator answers with 0 to
        100, as often as it likes.
@custom:halt Nobody can halt it, and it has no owner. Only the validator named in a request answers it.
"""

interface Identity:
    def isAuthorizedOrOwner(spender: address, agentId: uint256) -> bool: view


# Longest tag, bytes.
MAX_TAG: constant(uint256) = 64
# Longest URI of request or response, bytes.
MAX_URI: constant(uint256) = 2048
# Most validators named in one summary.
MAX_VALIDATORS: constant(uint256) = 256
# Most request hashes returned at once; the page functions read on.
MAX_REQUEST_PAGE: constant(uint256) = 512
MAX_INDEX: constant(uint256) = 2**64 - 1
MAX_RESPONSE: constant(uint8) = 100


struct Status:
    validator: address
    agent_id: uint256
    response: uint8
    response_hash: bytes32
    tag: String[MAX_TAG]
    updated: uint256
    answered: bool


identity: address
status: HashMap[bytes32, Status]
agent_request_count: public(HashMap[uint256, uint256])
agent_requests: HashMap[uint256, HashMap[uint256, bytes32]]
validator_request_count: public(HashMap[address, uint256])
validator_requests: HashMap[address, HashMap[uint256, bytes32]]


event ValidationRequest:
    validatorAddress: indexed(address)
    agentId: indexed(uint256)
    requestURI: String[MAX_URI]
    requestHash: indexed(bytes32)


event ValidationResponse:
    validatorAddress: indexed(address)
    agentId: indexed(uint256)
    requestHash: indexed(bytes32)
    response: uint8
    responseURI: String[MAX_URI]
    responseHash: bytes32
    tag: String[MAX_TAG]


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
    assert self.identity == empty(address), "validation: is initialized"

    self.identity = identityRegistry


@external
@view
def getIdentityRegistry() -> address:
    return self.identity


@external
def validationRequest(
    validatorAddress: address, agentId: uint256, requestURI: String[MAX_URI], requestHash: bytes32
):
    """
    @notice Ask a validator to check the agent's work; the request hash is the work's commitment, used once.
    """
    assert validatorAddress != empty(address), "validation: validator is zero"
    assert self.status[requestHash].validator == empty(address), "validation: request is known"
    assert staticcall Identity(self.identity).isAuthorizedOrOwner(
        msg.sender, agentId
    ), "validation: caller is not authorized"

    self.status[requestHash].validator = validatorAddress
    self.status[requestHash].agent_id = agentId
    self.status[requestHash].updated = block.timestamp
    count: uint256 = self.agent_request_count[agentId]
    self.agent_requests[agentId][count] = requestHash
    self.agent_request_count[agentId] = count + 1
    count = self.validator_request_count[validatorAddress]
    self.validator_requests[validatorAddress][count] = requestHash
    self.validator_request_count[validatorAddress] = count + 1

    log ValidationRequest(
        validatorAddress=validatorAddress, agentId=agentId, requestURI=requestURI, requestHash=requestHash
    )


@external
def validationResponse(
    requestHash: bytes32,
    response: uint8,
    responseURI: String[MAX_URI],
    responseHash: bytes32,
    tag: String[MAX_TAG],
):
    """
    @notice Answer a request with 0 (failed) to 100 (passed); the last answer counts.
    """
    status: Status = self.status[requestHash]
    assert status.validator != empty(address), "validation: request is unknown"
    assert msg.sender == status.validator, "validation: caller is not the validator"
    assert response <= MAX_RESPONSE, "validation: response is above 100"

    self.status[requestHash].response = response
    self.status[requestHash].response_hash = responseHash
    self.status[requestHash].tag = tag
    self.status[requestHash].updated = block.timestamp
    self.status[requestHash].answered = True

    log ValidationResponse(
        validatorAddress=msg.sender,
        agentId=status.agent_id,
        requestHash=requestHash,
        response=response,
        responseURI=responseURI,
        responseHash=responseHash,
        tag=tag,
    )


@external
@view
def getValidationStatus(
    requestHash: bytes32,
) -> (address, uint256, uint8, bytes32, String[MAX_TAG], uint256):
    """
    @notice Validator, agent, last response, its hash and tag, and when it last changed (unix seconds).
    """
    status: Status = self.status[requestHash]
    assert status.validator != empty(address), "validation: request is unknown"

    return (
        status.validator, status.agent_id, status.response, status.response_hash, status.tag, status.updated
    )


@external
@view
def getSummary(
    agentId: uint256, validatorAddresses: DynArray[address, MAX_VALIDATORS], tag: String[MAX_TAG]
) -> (uint64, uint8):
    """
    @notice Count and mean (rounded down) of the answered requests; no validators and an empty tag stand for all.
    """
    count: uint256 = 0
    total: uint256 = 0
    for i: uint256 in range(self.agent_request_count[agentId], bound=MAX_INDEX):
        status: Status = self.status[self.agent_requests[agentId][i]]
        if not status.answered:
            continue

        if len(tag) != 0 and tag != status.tag:
            continue

        if len(validatorAddresses) != 0 and status.validator not in validatorAddresses:
            continue

        count += 1
        total += convert(status.response, uint256)

    if count == 0:
        return 0, 0

    return convert(count, uint64), convert(total // count, uint8)


@external
@view
def getAgentValidations(agentId: uint256) -> DynArray[bytes32, MAX_REQUEST_PAGE]:
    """
    @notice All requests on the agent; reverts beyond MAX_REQUEST_PAGE, where pages are to be read.
    """
    assert self.agent_request_count[agentId] <= MAX_REQUEST_PAGE, "validation: too many, read pages"

    return self._agent_page(agentId, 0, MAX_REQUEST_PAGE)


@external
@view
def getValidatorRequests(validatorAddress: address) -> DynArray[bytes32, MAX_REQUEST_PAGE]:
    """
    @notice All requests to the validator; reverts beyond MAX_REQUEST_PAGE, where pages are to be read.
    """
    assert self.validator_request_count[validatorAddress] <= MAX_REQUEST_PAGE, "validation: too many, read pages"

    return self._validator_page(validatorAddress, 0, MAX_REQUEST_PAGE)


@external
@view
def read_agent_page(agentId: uint256, start: uint256, count: uint256) -> DynArray[bytes32, MAX_REQUEST_PAGE]:
    """
    @notice Up to `count` requests on the agent, oldest first, from number `start` (0 is the first).
    """
    assert count <= MAX_REQUEST_PAGE, "validation: page is too long"

    return self._agent_page(agentId, start, count)


@external
@view
def read_validator_page(
    validatorAddress: address, start: uint256, count: uint256
) -> DynArray[bytes32, MAX_REQUEST_PAGE]:
    """
    @notice Up to `count` requests to the validator, oldest first, from number `start` (0 is the first).
    """
    assert count <= MAX_REQUEST_PAGE, "validation: page is too long"

    return self._validator_page(validatorAddress, start, count)


@internal
@view
def _agent_page(agent_id: uint256, start: uint256, count: uint256) -> DynArray[bytes32, MAX_REQUEST_PAGE]:
    page: DynArray[bytes32, MAX_REQUEST_PAGE] = []
    end: uint256 = min(start + count, self.agent_request_count[agent_id])
    if start < end:
        for i: uint256 in range(start, end, bound=MAX_REQUEST_PAGE):
            page.append(self.agent_requests[agent_id][i])

    return page


@internal
@view
def _validator_page(validator: address, start: uint256, count: uint256) -> DynArray[bytes32, MAX_REQUEST_PAGE]:
    page: DynArray[bytes32, MAX_REQUEST_PAGE] = []
    end: uint256 = min(start + count, self.validator_request_count[validator])
    if start < end:
        for i: uint256 in range(start, end, bound=MAX_REQUEST_PAGE):
            page.append(self.validator_requests[validator][i])

    return page
