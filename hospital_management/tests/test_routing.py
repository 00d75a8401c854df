"""Sockets nobody offers."""

from channels.testing import WebsocketCommunicator

from hospital_management.asgi import application


async def test_an_unknown_socket_is_closed_with_4404():
    origin = [(b"origin", b"http://testserver"), (b"host", b"testserver")]
    socket = WebsocketCommunicator(application, "/ws/nowhere/", headers=origin)
    connected, _ = await socket.connect()
    assert connected
    assert (await socket.receive_output())["code"] == 4404
    await socket.disconnect()
