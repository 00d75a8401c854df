"""The servers that ``realtime.py`` compares the product with; all hear the same messages of Redis.

``usual``: Daphne, one Channels consumer per socket, each in the group by itself.
``usual-reads``: the same, and each reads the state from the database at every message.
``bare``: the websockets package and one subscription, which sends what it hears to all.
"""

import asyncio
import os
import sys
from pathlib import Path

sys.path.pop(0)  # of this folder: its queue.py would hide the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

KEY = int(os.environ.get("BENCH_TENANT", "0")), int(os.environ.get("BENCH_QUEUE", "0"))


def usual(port: int, *, reads: bool) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "hospital_management.settings"
    os.environ["DATABASE_POOL_SIZE"] = "20"
    import django

    django.setup()
    from channels.db import database_sync_to_async
    from channels.generic.websocket import AsyncWebsocketConsumer
    from daphne.server import Server

    from appointments import live
    from appointments.groups import queue_group

    group = queue_group(tenant_id=KEY[0], queue_id=KEY[1])

    class UsualConsumer(AsyncWebsocketConsumer):
        async def connect(self) -> None:
            await self.channel_layer.group_add(group, self.channel_name)
            await self.accept()
            await self.tell("queue_status", await database_sync_to_async(live.read_status)(*KEY))

        async def disconnect(self, code: int) -> None:
            await self.channel_layer.group_discard(group, self.channel_name)

        async def queue_changed(self, message) -> None:
            if reads:
                status = await database_sync_to_async(live.read_status)(*KEY)
            else:
                status = live.Status.parse(message["text"])
            await self.tell("queue_update", status)

        async def tell(self, kind: str, status: live.Status) -> None:
            frame = f'{{"type":"{kind}","version":{status.version},"data":{status.text}}}'
            await self.send(text_data=frame)

    async def application(scope, receive, send) -> None:
        if scope["type"] == "websocket":
            await UsualConsumer()(scope, receive, send)

    Server(
        application,
        endpoints=[f"tcp:port={port}:interface=127.0.0.1"],
        verbosity=0,
        websocket_handshake_timeout=60,
    ).run()


async def bare(port: int) -> None:
    import msgpack
    from redis.asyncio import Redis
    from websockets.asyncio.server import broadcast, serve

    everybody, last = set(), '{"type":"queue_status","version":0,"data":{}}'

    async def greet(connection) -> None:
        everybody.add(connection)
        try:
            await connection.send(last)
            await connection.wait_closed()
        finally:
            everybody.discard(connection)

    redis = Redis.from_url(os.environ["BENCH_REDIS"], socket_timeout=None)
    async with serve(greet, "127.0.0.1", port, compression=None), redis.pubsub() as heard:
        await heard.subscribe(os.environ["BENCH_CHANNEL"])
        async for message in heard.listen():
            if message["type"] == "message":
                text = msgpack.unpackb(message["data"])["text"]
                version = text.split('"version":', 1)[1].split(",", 1)[0]
                frame = f'{{"type":"queue_update","version":{version},"data":{text}}}'
                broadcast(everybody, frame)


if __name__ == "__main__":
    way, at = sys.argv[1], int(sys.argv[2])
    if way == "bare":
        asyncio.run(bare(at))
    else:
        usual(at, reads=way == "usual-reads")
