"""Who may see the dashboard: those with the token, from its own page, on this machine."""

import json
import socket
import urllib.error
import urllib.parse
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from neurodecode.errors import ConfigError
from neurodecode.online.dashboard.messages import Order, encode
from neurodecode.online.dashboard.process import Dashboard


@pytest.fixture(scope="module")
def dashboard():
    with Dashboard() as running:
        running.show({"about": {"title": "test"}})
        yield running


def parts(dashboard):
    split = urllib.parse.urlsplit(dashboard.url)
    return split.netloc, urllib.parse.parse_qs(split.query)["token"][0]


def get(url, host=None):
    request = urllib.request.Request(url)
    if host:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def page_socket(dashboard, token=None, origin=None):
    place, known = parts(dashboard)
    host, port = place.split(":")
    sock = socket.create_connection((host, int(port)), timeout=10)
    try:
        return connect(
            f"ws://{place}/live?token={known if token is None else token}",
            origin=f"http://{place}" if origin is None else origin,
            sock=sock,
        )
    except InvalidStatus:
        sock.close()
        raise


def refusal(url, host=None):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(url, host)
    with refused.value as answer:
        return answer.code, answer.read().decode()


def test_the_page_needs_nothing_from_elsewhere(dashboard):
    text, headers = get(dashboard.url)
    assert "uPlot" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert text.count(f'nonce="{nonce}"') == text.count("<script") == 2
    assert parts(dashboard)[1] not in text


@pytest.mark.parametrize("token", ["", "x", "é"])
def test_without_the_token_there_is_no_page(dashboard, token):
    place, _ = parts(dashboard)
    code, text = refusal(f"http://{place}/?token={urllib.parse.quote(token)}")
    assert code == 403
    assert "ends in a token" in text
    with pytest.raises(InvalidStatus, match="403"):
        page_socket(dashboard, token=urllib.parse.quote(token))


def test_another_name_for_this_machine_is_refused(dashboard):
    assert refusal(dashboard.url, host="evil.example:80")[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_page_cannot_open_the_websocket(dashboard, origin):
    with pytest.raises(InvalidStatus, match="403"):
        page_socket(dashboard, origin=origin)


def test_messages_go_to_the_page_and_orders_come_back(dashboard):
    with page_socket(dashboard) as page, page_socket(dashboard) as second:
        for each in (page, second):
            assert json.loads(each.recv(10)) == {"about": {"title": "test"}}
        assert dashboard.show({"bin": {"time": 1.0}})
        for each in (page, second):
            assert json.loads(each.recv(10)) == {"bin": {"time": 1.0}}
        page.send('{"do": "explode"}')
        page.send('{"do": "pause"}')
        dashboard.link.socket.settimeout(10)
        first = dashboard.link.socket.recv(1000)
        dashboard.link.socket.setblocking(False)
        assert first == b'{"do": "pause"}'
        page.send('{"do": "point", "at": [0.25, 0.5]}')
        orders = []
        while not orders:
            orders = dashboard.orders()
        assert orders == [Order("point", at=(0.25, 0.5))]


def test_a_flood_to_a_closed_page_is_dropped_and_never_waits(dashboard):
    before = dashboard.link.dropped
    message = encode({"bin": {"signal": [0.5] * 20_000}})
    sent = sum(dashboard.link.send(message) for _ in range(300))
    assert sent + dashboard.link.dropped - before == 300


def test_a_taken_port_is_one_message(dashboard):
    taken = int(parts(dashboard)[0].rpartition(":")[2])
    with (
        pytest.raises(ConfigError, match=f"port {taken} cannot be used .*choose another"),
        Dashboard(taken),
    ):
        pass


def test_the_process_ends_with_the_session():
    with Dashboard() as running:
        process = running._process
        assert process.poll() is None
    assert process.returncode == 0
