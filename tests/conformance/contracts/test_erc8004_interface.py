"""Every selector and event topic of our registries equals that of the ERC-8004 reference contracts."""

from __future__ import annotations

import pytest
from eth_utils import keccak
from harness.vm import EventCoder, _form

from weftwork.contracts import load_artifact

IDENTITY = {
    "register()": "1aa3a008",
    "register(string)": "f2c298be",
    "register(string,(string,bytes)[])": "8ea42286",
    "setAgentURI(uint256,string)": "0af28bd3",
    "getMetadata(uint256,string)": "cb4799f2",
    "setMetadata(uint256,string,bytes)": "466648da",
    "setAgentWallet(uint256,address,uint256,bytes)": "2d1ef5ae",
    "getAgentWallet(uint256)": "00339509",
    "unsetAgentWallet(uint256)": None,
    "isAuthorizedOrOwner(address,uint256)": None,
    "eip712Domain()": "84b0196e",
    # ERC-721 with its metadata and ERC-165
    "name()": "06fdde03",
    "symbol()": "95d89b41",
    "balanceOf(address)": "70a08231",
    "ownerOf(uint256)": "6352211e",
    "approve(address,uint256)": "095ea7b3",
    "getApproved(uint256)": "081812fc",
    "setApprovalForAll(address,bool)": "a22cb465",
    "isApprovedForAll(address,address)": "e985e9c5",
    "transferFrom(address,address,uint256)": "23b872dd",
    "safeTransferFrom(address,address,uint256)": "42842e0e",
    "safeTransferFrom(address,address,uint256,bytes)": "b88d4fde",
    "tokenURI(uint256)": "c87b56dd",
    "supportsInterface(bytes4)": "01ffc9a7",
}
REPUTATION = {
    "initialize(address)": "c4d66de8",
    "getIdentityRegistry()": None,
    "giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)": "3c036a7e",
    "revokeFeedback(uint256,uint64)": None,
    "appendResponse(uint256,address,uint64,string,bytes32)": None,
    "getSummary(uint256,address[],string,string)": "81bbba58",
    "readFeedback(uint256,address,uint64)": None,
    "readAllFeedback(uint256,address[],string,string,bool)": None,
    "getResponseCount(uint256,address,uint64,address[])": None,
    "getClients(uint256)": None,
    "getLastIndex(uint256,address)": None,
}
VALIDATION = {
    "initialize(address)": "c4d66de8",
    "getIdentityRegistry()": None,
    "validationRequest(address,uint256,string,bytes32)": "aaf400c4",
    "validationResponse(bytes32,uint8,string,bytes32,string)": "3d659a96",
    "getValidationStatus(bytes32)": "ff2febfc",
    "getSummary(uint256,address[],string)": None,
    "getAgentValidations(uint256)": None,
    "getValidatorRequests(address)": None,
}
RETURNS = {
    "IdentityRegistry": {
        "register": "uint256",
        "getMetadata": "bytes",
        "getAgentWallet": "address",
        "isAuthorizedOrOwner": "bool",
    },
    "ReputationRegistry": {
        "getSummary": "uint64,int128,uint8",
        "readFeedback": "int128,uint8,string,string,bool",
        "readAllFeedback": "address[],uint64[],int128[],uint8[],string[],string[],bool[]",
        "getResponseCount": "uint64",
        "getClients": "address[]",
        "getLastIndex": "uint64",
    },
    "ValidationRegistry": {
        "getValidationStatus": "address,uint256,uint8,bytes32,string,uint256",
        "getSummary": "uint64,uint8",
        "getAgentValidations": "bytes32[]",
        "getValidatorRequests": "bytes32[]",
    },
}
EVENTS = {
    "IdentityRegistry": {
        "Registered(uint256,string,address)": [1, 0, 1],
        "MetadataSet(uint256,string,string,bytes)": [1, 1, 0, 0],
        "URIUpdated(uint256,string,address)": [1, 0, 1],
        "Transfer(address,address,uint256)": [1, 1, 1],
        "Approval(address,address,uint256)": [1, 1, 1],
        "ApprovalForAll(address,address,bool)": [1, 1, 0],
        "MetadataUpdate(uint256)": [0],
    },
    "ReputationRegistry": {
        "NewFeedback(uint256,address,uint64,int128,uint8,string,string,string,string,string,bytes32)": [
            *[1, 1, 0, 0, 0, 1],
            *[0] * 5,
        ],
        "FeedbackRevoked(uint256,address,uint64)": [1, 1, 1],
        "ResponseAppended(uint256,address,uint64,address,string,bytes32)": [1, 1, 0, 1, 0, 0],
    },
    "ValidationRegistry": {
        "ValidationRequest(address,uint256,string,bytes32)": [1, 1, 0, 1],
        "ValidationResponse(address,uint256,bytes32,uint8,string,bytes32,string)": [1, 1, 1, 0, 0, 0, 0],
    },
}
FUNCTIONS = {
    "IdentityRegistry": IDENTITY,
    "ReputationRegistry": REPUTATION,
    "ValidationRegistry": VALIDATION,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_registry_has_every_selector_of_the_reference(name):
    ours = {_form(item)[0].hex() for item in load_artifact(name).abi if item["type"] == "function"}
    for signature, selector in FUNCTIONS[name].items():
        computed = keccak(text=signature)[:4].hex()
        assert selector in (None, computed), signature
        assert computed in ours, signature


@pytest.mark.parametrize("name", RETURNS)
def test_registry_returns_what_the_reference_returns(name):
    functions = {item["name"]: item for item in load_artifact(name).abi if item["type"] == "function"}
    for function, types in RETURNS[name].items():
        assert ",".join(_form(functions[function])[2].types) == types


@pytest.mark.parametrize("name", EVENTS)
def test_registry_has_every_event_of_the_reference_with_its_topic_and_indexes(name):
    ours = {
        coder.signature: (coder.topic, [int(part["indexed"]) for part in coder.inputs])
        for coder in (EventCoder(item) for item in load_artifact(name).abi if item["type"] == "event")
    }
    assert ours == {
        signature: (keccak(text=signature), indexed) for signature, indexed in EVENTS[name].items()
    }
