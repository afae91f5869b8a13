"""Who is asked for machines, where others on the ledger only render."""

from __future__ import annotations

from weftwork.compute.venue import Venue
from weftwork.models.registration import Registration
from weftwork.network.devnet import Devnet
from weftwork.network.enrol import enrol_agent, enrol_neuron
from weftwork.network.render import NODE_COINS, find_render_subnet
from weftwork.network.rent import read_suppliers
from weftwork.units import WAD


async def test_node_that_only_renders_is_not_asked_for_machines() -> None:
    async with Devnet() as net:
        subnet = find_render_subnet(net.ledger, net.compute)
        node, seller = net.site("node", NODE_COINS), net.site("seller", WAD)
        card = Registration("provider", "http://127.0.0.1:1", "a node", subnet)
        enrol_neuron(net.ledger, net.contracts, node.account, subnet, card.to_uri())
        machine = Registration("provider", "http://127.0.0.1:2", "a machine")
        agent = enrol_agent(net.ledger, net.contracts, seller.account, machine.to_uri())
        found = read_suppliers(Venue(net.ledger, net.contracts, net.compute))
        assert [(one.agent, one.endpoint) for one in found] == [(agent, "http://127.0.0.1:2")]
