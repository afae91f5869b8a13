# pragma version ~=0.4.3
"""
@title Annex of a network
@license Apache-2.0
@notice Says for good which contracts make up one layer of a network, by name. It proves nothing by itself: readers
        believe the annex that the network's own founder deployed.
@custom:halt Nothing to halt: it holds no state and no tokens.
"""

# Most contracts of a layer.
MAX_PARTS: constant(uint256) = 32


struct Part:
    name: String[32]
    place: address


network: public(immutable(address))


event Annexed:
    network: indexed(address)
    layer: indexed(String[32])
    parts: DynArray[Part, MAX_PARTS]


@deploy
def __init__(network_: address, layer: String[32], parts: DynArray[Part, MAX_PARTS]):
    """
    @notice `network_` is the network's `Epochs`; `layer` and the names are lower case.
    """
    assert len(parts) != 0, "annex: there are no parts"

    network = network_

    log Annexed(network=network_, layer=layer, parts=parts)
