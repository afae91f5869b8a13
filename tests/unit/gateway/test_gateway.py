"""A gateway before miners that answer, lie, dawdle and die."""

import asyncio
import json

from weftwork.models.gateway.broker import Patience
from weftwork.models.gateway.route import Policy
from weftwork.records import Receipt, Voucher
from weftwork.wire.client import Client

from .actor import MODEL, Miner, seat, town, until


async def test_a_question_is_answered_receipted_and_paid():
    async with town(Miner("honest")) as t:
        reply = await t.ask("swap 2 ETH")
        assert reply.status == 200
        assert reply.body["choices"][0]["message"]["content"] == "swap 2 ETH"
        assert reply.body["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        thread = reply.headers["x-weft-thread"]
        await t.settled()
        assert t.miners[0].paid == 5
        assert t.key.spent == 5
        assert t.key.reserved == 0
        kinds = [item.record.kind for item in t.store.thread(thread)]
        assert kinds == ["request", "receipt", "voucher"]


async def test_the_voucher_for_an_answer_rides_on_the_next_request():
    async with town(Miner("honest")) as t:
        t.gateway.broker.patience = Patience(idle=1000.0, voucher=0.0)
        for _ in range(3):
            await t.ask()
        assert [item.record.cumulative for item in t.miners[0].vouchers] == [5, 10]


async def test_one_voucher_pays_for_many_answers_that_come_fast():
    async with town(Miner("honest"), patience=Patience(idle=1000.0, voucher=1000.0)) as t:
        for _ in range(5):
            await t.ask()
        assert [item.record.cumulative for item in t.miners[0].vouchers] == [5]
        await t.settled()
        assert t.miners[0].paid == 25


async def test_a_miner_that_wants_to_be_paid_before_it_goes_on_is_paid_at_once():
    wary = Miner("wary", wary=True)
    async with town(wary, patience=Patience(idle=1000.0, voucher=1000.0)) as t:
        for _ in range(4):
            assert (await t.ask()).status == 200
        assert wary.paid == 15
        _, events = await read_stream(t)
        assert words_of(events) == "the quick brown fox"
        assert wary.paid == 20


async def test_a_refreshed_list_of_miners_keeps_what_was_learnt_about_them():
    async with town(Miner("honest")) as t:
        await t.ask()
        (old,) = t.gateway.directory.seats()
        fresh = seat(t.miners[0], old.endpoint, t.gateway.account, None, input_price=7)
        fresh.purse = None
        t.gateway.update([fresh])
        (now,) = t.gateway.directory.seats()
        assert now.standing.calls == 1
        assert now.input_price == 7
        assert now.purse is not None
        t.gateway.update([])
        assert (await t.ask()).status == 404


async def test_a_miner_that_fails_is_replaced_by_another():
    bad, good = Miner("bad", fails=99), Miner("good")
    async with town(bad, good) as t:
        for _ in range(6):
            assert (await t.ask()).status == 200
        await t.settled()
        assert bad.paid == 0
        assert good.paid == 30
        assert len(bad.asked) <= 3


async def test_a_lying_miner_is_not_believed_not_paid_and_replaced():
    for lie in ("forged", "swaps", "overcharges"):
        liar, good = Miner("liar", **{lie: True}), Miner("good")
        async with town(liar, good, seats={0: {"incentive": 0.99}, 1: {"incentive": 0.01}}) as t:
            while not liar.asked:
                reply = await t.ask("x")
                assert reply.body["choices"][0]["message"]["content"] == "x"
            await t.settled()
            assert liar.paid == 0
            assert t.key.reserved == 0


async def test_when_every_miner_fails_the_client_gets_an_openai_error_and_pays_nothing():
    async with town(Miner("one", fails=99), Miner("two", forged=True)) as t:
        reply = await t.ask()
        assert reply.status == 503
        assert reply.body["error"]["type"] == "server_error"
        assert (t.key.spent, t.key.reserved) == (0, 0)


async def test_what_a_miner_says_about_the_call_itself_reaches_the_client():
    error = (400, {"error": {"code": "input.context", "message": "the prompt has 9000 tokens, 4096 fit"}})
    async with town(Miner("one", error=error), Miner("two", error=error)) as t:
        reply = await t.ask()
        assert reply.status == 400
        assert "4096 fit" in reply.body["error"]["message"]
        assert all(seat.standing.failed == 0 for seat in t.gateway.directory.seats())


async def test_a_late_miner_is_hedged_cancelled_and_paid_nothing():
    late, quick = Miner("late", late=True), Miner("quick")
    policy = Policy(hedge_unknown=0.02, hedge_least=0.02)
    async with town(late, quick, policy=policy, seats={0: {"incentive": 0.99}, 1: {"incentive": 0.01}}) as t:
        while not late.asked:
            assert (await t.ask()).status == 200
        await t.settled()
        assert late.cancelled == [str(late.asked[0][0].record.id)]
        assert late.paid == 0
        assert quick.paid == 5 * len(quick.asked)
        assert t.key.spent == quick.paid
        assert t.key.reserved == 0


async def test_a_call_whose_cap_covers_one_answer_is_hedged_all_the_same():
    late, quick = Miner("late", late=True), Miner("quick")
    policy = Policy(hedge_unknown=0.01, hedge_least=0.01)
    seats = {0: {"incentive": 0.99}, 1: {"incentive": 0.01}}
    patience = Patience(answer=0.3, settle=5.0, idle=0.01)
    async with town(late, quick, policy=policy, seats=seats, patience=patience, cap=1500) as t:
        while not late.asked:
            assert (await t.ask(max_tokens=1000)).status == 200
        await t.settled()
        assert late.paid == 0
        assert quick.paid == t.key.spent == 5 * len(quick.asked)
        assert t.key.reserved == 0


async def test_a_new_miner_is_heard_within_a_few_dozen_calls_whatever_others_earned():
    known, new = Miner("known"), Miner("new")
    async with town(known, new, seats={0: {"incentive": 1.0}, 1: {"incentive": 0.0}}) as t:
        both = t.gateway.directory.seats()
        t.gateway.update(both[:1])
        for _ in range(20):
            await t.ask()
        fresh = seat(new, both[1].endpoint, t.gateway.account, None, incentive=0.0)
        t.gateway.update([both[0], fresh])
        for _ in range(60):
            await t.ask()
        assert new.asked


async def test_miners_at_private_addresses_are_not_asked_unless_the_network_is_local():
    async with town(Miner("honest"), client=Client(local=False)) as t:
        reply = await t.ask()
        assert reply.status == 503
        assert "not a public address" in reply.body["error"]["message"]
        assert not t.miners[0].asked


async def test_a_client_that_goes_away_takes_its_request_back():
    late = Miner("late", late=True)
    async with town(late) as t:
        call = asyncio.ensure_future(t.ask())
        await until(lambda: late.asked)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await until(lambda: late.cancelled)
        await t.settled()
        assert (late.paid, t.key.spent, t.key.reserved) == (0, 0, 0)


async def test_a_key_cannot_spend_more_than_its_cap_however_many_calls_run_at_once():
    late = Miner("late", late=True)
    async with town(late, cap=3000) as t:
        calls = [asyncio.ensure_future(t.ask(max_tokens=1000)) for _ in range(6)]
        await until(lambda: len(late.asked) == 2)
        late.gate.set()
        statuses = sorted([(await call).status for call in calls])
        assert statuses == [200, 200, 429, 429, 429, 429]
        assert t.key.spent == 10


async def read_stream(t, **more):
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "the quick brown fox"}],
        "stream": True,
        **more,
    }
    async with t.client.stream("POST", f"{t.url}/v1/chat/completions", body, t.headers) as reply:
        events = [event.data async for event in reply.events()]
        return reply, events


def words_of(events):
    chunks = [json.loads(event) for event in events if event != "[DONE]"]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c.get("choices"))


async def test_a_stream_is_the_answer_in_pieces_and_each_receipt_is_paid_once():
    async with town(Miner("honest")) as t:
        reply, events = await read_stream(t, stream_options={"include_usage": True})
        assert words_of(events) == "the quick brown fox"
        assert events[-1] == "[DONE]"
        assert json.loads(events[-2])["usage"]["completion_tokens"] == 2
        await t.settled()
        assert t.miners[0].paid == t.key.spent == 5
        kinds = {item.record.kind for item in t.store.thread(reply.headers["x-weft-thread"])}
        assert kinds == {"request", "receipt", "voucher"}


async def test_when_a_miner_dies_in_mid_stream_another_goes_on_from_what_was_delivered():
    mortal, heir = Miner("mortal", dies_after=8), Miner("heir")
    async with town(mortal, heir, seats={0: {"incentive": 0.99}, 1: {"incentive": 0.01}}) as t:
        while not mortal.asked:
            reply, events = await read_stream(t)
            assert words_of(events) == "the quick brown fox"
            assert events[-1] == "[DONE]"
        assert heir.asked[-1][1]["weft_prefix"] == "the quic"
        await t.settled()
        assert mortal.paid == 2, "its last partial receipt"
        requests = [i for i in t.store.thread(reply.headers["x-weft-thread"]) if i.record.kind == "request"]
        assert len(requests) == 2, "both legs stand in one thread"


async def test_an_answer_goes_on_within_what_was_held_for_it():
    mortal, heir = Miner("mortal", dies_after=8), Miner("heir")
    seats = {0: {"incentive": 0.99}, 1: {"incentive": 0.01}}
    async with town(mortal, heir, seats=seats, cap=10**9) as t:
        while not mortal.asked:
            t.key.cap = t.key.spent + 220
            _, events = await read_stream(t, max_tokens=50)
            assert words_of(events) == "the quick brown fox"
            assert "error" not in events[-2]
        assert t.key.reserved == 0
        assert t.key.spent <= t.key.cap


async def test_a_broken_stream_that_nobody_can_go_on_ends_with_an_openai_error_event():
    mortal, heir = Miner("mortal", dies_after=8), Miner("heir", refuses_prefix=True)
    async with town(mortal, heir, seats={0: {"incentive": 0.99}, 1: {"incentive": 0.01}}) as t:
        while not mortal.asked:
            _, events = await read_stream(t)
        assert "error" in json.loads(events[-1])
        await t.settled()
        assert mortal.paid == 2
        assert t.key.reserved == 0


async def test_a_stream_whose_last_receipt_is_for_other_words_ends_with_an_error():
    async with town(Miner("liar", final_text="other words")) as t:
        _, events = await read_stream(t)
        assert "error" in json.loads(events[-1])
        await t.settled()
        assert t.miners[0].paid == 5, "what was proven before"


async def test_an_error_before_the_first_words_of_a_stream_is_an_http_error():
    async with town(Miner("bad", fails=99)) as t:
        reply = await t.ask(stream=True)
        assert reply.status == 503
        assert reply.body["error"]["type"] == "server_error"


async def test_best_returns_the_answer_that_most_weight_agrees_on_and_pays_all_that_deliver():
    a, b, odd = Miner("a"), Miner("b"), Miner("odd", words="something odd")
    async with town(a, b, odd) as t:
        reply = await t.ask("swap 2 ETH", weft={"policy": "best", "k": 3})
        assert reply.body["choices"][0]["message"]["content"] == "swap 2 ETH"
        await t.settled()
        assert [m.paid for m in (a, b, odd)] == [5, 5, 5]
        assert t.key.spent == 15
        thread = await t.client.get_json(f"{t.url}/v1/threads/{reply.headers['x-weft-thread']}", t.headers)
        order = [row["worker"] for row in thread.body["ranking"]["order"]]
        assert order[-1] == odd.account.address
        assert len([r for r in thread.body["records"] if r["kind"] == "request"]) == 3


async def test_in_best_no_answer_is_shown_before_all_have_committed():
    late, quick = Miner("late", late=True), Miner("quick")
    async with town(late, quick) as t:
        call = asyncio.ensure_future(t.ask(model=f"{MODEL}:best", weft={"k": 2}))
        await until(lambda: late.asked and quick.held)
        assert list(quick.held), "committed, and not asked to reveal"
        late.gate.set()
        assert (await call).status == 200
        assert not quick.held


async def test_in_best_a_miner_that_reveals_another_answer_is_not_paid():
    liar, good = Miner("liar", swaps=True), Miner("good")
    async with town(liar, good) as t:
        reply = await t.ask("truth", weft={"policy": "best", "k": 2})
        assert reply.body["choices"][0]["message"]["content"] == "truth"
        await t.settled()
        assert (liar.paid, good.paid, t.key.spent, t.key.reserved) == (0, 5, 5, 0)


async def test_a_valid_answer_beats_a_majority_that_breaks_the_asked_schema():
    schema = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    bad = [Miner("bad1", words='{"amount": "two"}'), Miner("bad2", words='{"amount": "two"}')]
    async with town(*bad, Miner("good", words='{"amount": 2}')) as t:
        reply = await t.ask(weft={"policy": "best", "k": 3}, response_format=asked)
        assert reply.body["choices"][0]["message"]["content"] == '{"amount": 2}'


async def test_best_streams_the_winning_answer_too():
    async with town(Miner("a"), Miner("b")) as t:
        _, events = await read_stream(t, weft={"policy": "best", "k": 2})
        assert words_of(events) == "the quick brown fox"


async def test_the_quote_of_best_is_k_times_the_price():
    async with town(Miner("a"), Miner("b")) as t:
        one = (await t.ask(path="quote")).body
        three = (await t.ask(path="quote", weft={"policy": "best", "k": 3})).body
        assert int(three["quote"]) == 3 * int(one["quote"]) == 3 * int(three["per_answer"])


async def test_a_thread_is_shown_to_the_key_that_asked_and_to_no_other():
    async with town(Miner("honest")) as t:
        thread = (await t.ask("secret words")).headers["x-weft-thread"]
        url = f"{t.url}/v1/threads/{thread}"
        found = await t.client.get_json(url, t.headers)
        assert "secret words" in json.dumps(found.body["contents"])
        other, _ = t.gateway.keys.create("eve")
        assert (await t.client.get_json(url, {"authorization": f"Bearer {other}"})).status == 404
        assert (await t.client.get_json(url)).status == 401
        assert (await t.client.get_json(f"{t.url}/v1/threads/nonsense", t.headers)).status == 404
        assert (await t.client.get_json(url, {"authorization": "Bearer wk-admin"})).status == 200


async def test_two_requests_of_one_key_have_nothing_in_common_that_a_miner_could_see():
    async with town(Miner("honest")) as t:
        await t.ask("same words")
        await t.ask("same words")
        (one, _), (two, _) = t.miners[0].asked
        assert one.record.nonce != two.record.nonce
        assert one.record.content != two.record.content


async def test_keys_are_made_listed_capped_and_revoked_by_the_admin_alone():
    async with town(Miner("honest")) as t:
        url, admin = f"{t.url}/v1/keys", {"authorization": "Bearer wk-admin"}
        assert (await t.client.post_json(url, {"name": "bob"}, t.headers)).status == 401
        made = (await t.client.post_json(url, {"name": "bob", "cap": "1"}, admin)).body
        bob = {"authorization": f"Bearer {made['key']}"}
        body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
        chat = f"{t.url}/v1/chat/completions"
        assert (await t.client.post_json(chat, body, bob)).body["error"]["code"] == "insufficient_quota"
        await t.client.post_json(f"{url}/{made['id']}", {"cap": "100000"}, admin)
        assert (await t.client.post_json(chat, body, bob)).status == 200
        assert (await t.client.get_json(f"{t.url}/v1/usage", bob)).body["usage"][MODEL]["calls"] == 1
        assert (await t.client.request("DELETE", f"{url}/{made['id']}", headers=admin)).status == 200
        assert (await t.client.post_json(chat, body, bob)).status == 401
        assert made["key"] not in json.dumps((await t.client.get_json(url, admin)).body)


async def test_bad_calls_get_openai_errors_and_the_gateway_lives_on():
    async with town(Miner("honest")) as t:
        url = f"{t.url}/v1/chat/completions"
        for raw, status in ((b"{", 400), (b"[]", 400), (b"\xff", 400), (b"", 400)):
            reply = await t.client.request("POST", url, body=raw, headers=t.headers)
            assert (reply.status, "error" in json.loads(reply.body)) == (status, True)
        reply = await t.ask(model="nothing-like-it")
        assert (reply.status, reply.body["error"]["code"]) == (404, "model_not_found")
        reply = await t.client.get_json(f"{t.url}/v1/nowhere", t.headers)
        assert (reply.status, reply.body["error"]["type"]) == (404, "invalid_request_error")
        reply = await t.client.request("POST", url, body=b"x" * (9 << 20), headers=t.headers)
        assert (reply.status, json.loads(reply.body)["error"]["type"]) == (413, "invalid_request_error")
        assert (await t.ask()).status == 200


async def test_records_in_the_store_are_what_the_miner_signed():
    async with town(Miner("honest")) as t:
        thread = (await t.ask()).headers["x-weft-thread"]
        await t.settled()
        receipt = t.store.children(thread, "receipt")[0]
        assert isinstance(receipt.record, Receipt)
        voucher = t.store.children(receipt.record.id, "voucher")[0]
        assert isinstance(voucher.record, Voucher)
        assert voucher.record.cumulative == receipt.record.price
