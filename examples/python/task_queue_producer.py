#!/usr/bin/env python3
"""Enqueues jobs of nestjs-task-queue from Python. Needs redis-py; docs/envelope.md explains what it does.

A plain list is the simple way, and enough for most programs:

    python3 task_queue_producer.py inbox task_queue '{"to": "a@b.c"}'

A job of its own kind, with a name, an id, a delay and so on, goes through two scripts of the npm package:

    python3 task_queue_producer.py job mail '{"to": "a@b.c"}' --name welcome --id welcome-42 \\
        --scripts node_modules/nestjs-task-queue/dist/redis/scripts
"""

import argparse
import json
import os
import re
import secrets
from pathlib import Path

import redis

STORE_FORMAT = "2"
ENVELOPE_VERSION = "1"
BLOCK_SIZE = 1296  # two base-36 digits
# All keys of a queue, in the order in which scripts get them.
KEY_NAMES = (
    "meta jobs ready priority suspects scheduled inflight parked completed cancelled dead ids traits crashes cancelling notes "
    "waiters idle workers schedules specs ticks runs announced apps uniques payloads stats bulks"
).split()
PAYLOAD_LIMIT = 256 * 1024
USER_ID = re.compile(r"(?!.*[:{}*?\[\]\\`])[\x21-\x7e]{1,128}")
JOB_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
CHANNEL_CALL = re.compile(r"'(?:PUBLISH|PUBSUB', 'NUMSUB)', ")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def push_to_inbox(client, inbox, *payloads):
    """Each payload becomes a job of the queue whose handler says `inbox`; first come, first served."""
    client.lpush(inbox, *(encode_payload(payload) for payload in payloads))


class TaskQueueProducer:
    """Enqueues jobs of one queue. Not for several threads at once: a call number belongs to one call at a time."""

    def __init__(self, client, queue, scripts, prefix="tq", tries=5):
        self._keys = ["{%s:%s}:%s" % (prefix, queue, name) for name in KEY_NAMES]
        folder = Path(scripts)
        self._take_ids = client.register_script((folder / "take-ids.lua").read_text())
        enqueue = (folder / "enqueue.lua").read_text()
        database = client.connection_pool.connection_kwargs.get("db") or 0
        if database:
            # A server has one set of channels for all its databases: outside of database 0 their names begin with it.
            enqueue = CHANNEL_CALL.sub(r"\g<0>'@%d:' .. " % database, enqueue)
        self._enqueue = client.register_script(enqueue)
        self._tries = tries
        self._caller = secrets.token_urlsafe(9)
        self._call = 0
        self._numbers = iter(())
        self._now = 0

    def enqueue(
        self, payload, name=None, id=None, delay_ms=0, priority=0, max_attempts=None, timeout_ms=None, expires_in_ms=None,
        headers=None,
    ):
        """Stores a job and returns (its id, whether it is new): an id that is kept already is the job it was.

        Raises redis.ConnectionError when the reply stays lost: the job may be stored, so give jobs an id of your own.
        """
        if id is not None and not USER_ID.fullmatch(id):
            raise ValueError("id: 1-128 printable ASCII characters without spaces and : { } * ? [ ] \\ `")
        if name is not None and not JOB_NAME.fullmatch(name):
            raise ValueError("name: 1-128 printable ASCII characters without spaces, double quotes and backslashes")
        if priority not in range(10):
            raise ValueError("priority: 0 to 9, higher first")
        text = encode_payload(payload)
        number = self._next_number()
        header = {
            "n": name,
            "m": max_attempts,
            "t": timeout_ms,
            "x": self._now + expires_in_ms if expires_in_ms is not None else None,
            "p": priority or None,
            "s": self._now + delay_ms if delay_ms else None,
            # Names and values in turns: texts such as a trace id, at most 16, 2 KiB together.
            "h": [text for pair in (headers or {}).items() for text in pair] or None,
        }
        envelope = encode_envelope(self._now, id, {key: value for key, value in header.items() if value is not None}, text)
        due = "+%d" % delay_ms if delay_ms else ""
        # What scripts must know of the job: a letter and a value on each line.
        traits = "\n".join(["p%d" % priority] * (priority > 0) + ["u%s" % id] * (id is not None))
        self._call += 1
        reply = self._run(self._enqueue, self._keys, [self._caller, self._call, number, envelope, due, traits])
        self._now = int(reply[0])
        outcomes = [_text(outcome) for outcome in reply[1]]
        if not outcomes or outcomes[0] == "":
            return id or number, True
        return id, False

    def _next_number(self):
        number = next(self._numbers, None)
        while number is None:
            reply = [_text(part) for part in self._run(self._take_ids, self._keys, [BLOCK_SIZE, STORE_FORMAT])]
            if reply[1] == "format":
                raise RuntimeError("The queue is stored in format %s; this program writes format %s" % (reply[2], STORE_FORMAT))
            self._now = int(reply[0])
            block = base36(int(reply[1]))
            self._numbers = (block + base36(n).rjust(2, "0") for n in range(BLOCK_SIZE))
            number = next(self._numbers)
        return number

    def _run(self, script, keys, args):
        """The very same call again after a lost reply: the store knows its number and answers what it answered first."""
        for left in reversed(range(self._tries)):
            try:
                return script(keys=keys, args=args)
            except (redis.ConnectionError, redis.TimeoutError):
                # Numbers of before a failover may be handed out again, so the rest of the block is not used.
                self._numbers = iter(())
                if left == 0:
                    raise


def encode_payload(payload):
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text.encode()) > PAYLOAD_LIMIT:
        raise ValueError("payload: more than %d bytes" % PAYLOAD_LIMIT)
    return text


def encode_envelope(enqueued_at, user_id, header, payload_text):
    line = ENVELOPE_VERSION + base36(enqueued_at)
    if user_id is not None:
        line += " " + user_id
    if header:
        line += " " + json.dumps(header, separators=(",", ":"))
    return line + "\n" + payload_text


def base36(number):
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
        if number == 0:
            return text


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def main():
    parser = argparse.ArgumentParser(description="Enqueues jobs of nestjs-task-queue")
    parser.add_argument("--url", default=os.environ.get("REDIS_URL", "redis://localhost:6379"))
    commands = parser.add_subparsers(dest="command", required=True)
    inbox = commands.add_parser("inbox", help="push payloads onto a plain list")
    inbox.add_argument("list")
    inbox.add_argument("payload", nargs="+", type=json.loads)
    job = commands.add_parser("job", help="enqueue one job")
    job.add_argument("queue")
    job.add_argument("payload", type=json.loads)
    job.add_argument("--scripts", required=True, help="…/nestjs-task-queue/dist/redis/scripts")
    job.add_argument("--prefix", default="tq")
    job.add_argument("--name")
    job.add_argument("--id")
    job.add_argument("--header", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    for option in ("--delay-ms", "--priority"):
        job.add_argument(option, type=int, default=0)
    for option in ("--max-attempts", "--timeout-ms", "--expires-in-ms"):
        job.add_argument(option, type=int)
    options = vars(parser.parse_args())

    client = redis.Redis.from_url(options.pop("url"))
    if options.pop("command") == "inbox":
        push_to_inbox(client, options["list"], *options["payload"])
        return
    producer = TaskQueueProducer(client, options.pop("queue"), options.pop("scripts"), options.pop("prefix"))
    headers = dict(text.split("=", 1) for text in options.pop("header"))
    stored_id, created = producer.enqueue(options.pop("payload"), headers=headers, **options)
    print(stored_id if created else "%s is kept already" % stored_id)


if __name__ == "__main__":
    main()
