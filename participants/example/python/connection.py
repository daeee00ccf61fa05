"""The client side of the NATS protocol over a socket, as much of it as a participant needs."""
import contextlib
import json
import logging
import queue
import socket
import ssl
import threading
import urllib.parse
import uuid
from typing import NamedTuple, Optional


class Lost(Exception):
    """The connection, or the broker behind it, is gone."""


class Message(NamedTuple):
    subject: str
    reply: str
    headers: dict
    status: int  # of what the server says itself, 0 for a message
    body: bytes


class Connection:
    """One connection, from connect to lost. Whoever loses it makes a new one."""

    def __init__(self, url, name):
        address = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port or 4222), timeout=5)
        self._file = self._socket.makefile("rb")
        info = json.loads(self._file.readline().partition(b" ")[2] or b"{}")
        if address.scheme == "tls" or info.get("tls_required"):
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=address.hostname)
            self._file = self._socket.makefile("rb")
        options = {"verbose": False, "pedantic": False, "lang": "python", "version": "1", "protocol": 1, "name": name,
                   "headers": True, "no_responders": True}
        if address.username:
            options.update(user=urllib.parse.unquote(address.username), **{"pass": urllib.parse.unquote(address.password or "")})
        self._inbox, self._lock = f"_INBOX_{name}.{uuid.uuid4().hex}", threading.Lock()  # P-BUS-3
        self._queues, self._sids = {}, 0
        self._socket.settimeout(60)  # the service thread pings every 20 s, so that a dead peer is noticed
        self._write(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
        threading.Thread(target=self._read, daemon=True).start()
        self.flush()

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._lock:
            waiting, self._queues = list((self._queues or {}).values()), None
        for each in waiting or ():
            each.put(None)

    def subscribe(self, subject, into=None, group=""):
        """Puts what arrives on the subject into a queue; None means that the connection is lost."""
        into = into if into is not None else queue.Queue()
        with self._lock:
            if self._queues is None:
                raise Lost("closed")
            self._sids += 1
            sid = self._sids
            self._queues[sid] = into
        self._write(f"SUB {subject} {group} {sid}\r\n".encode())
        return sid, into

    def unsubscribe(self, sid):
        self._write(f"UNSUB {sid}\r\n".encode())

    def publish(self, subject, body=b"", reply="", headers=None):
        head = "".join(f"{key}: {value}\r\n" for key, value in (headers or {}).items())
        if not head:
            self._write(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")
            return
        head = b"NATS/1.0\r\n" + head.encode() + b"\r\n"
        self._write(f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode() + head + body + b"\r\n")

    def inbox(self):
        return f"{self._inbox}.{uuid.uuid4().hex}"

    def request(self, subject, body=b"", headers=None, timeout=5.0) -> Optional[Message]:
        """One answer, or None after the timeout."""
        inbox = self.inbox()
        sid, answers = self.subscribe(inbox)
        try:
            self.publish(subject, body, inbox, headers)
            return self.get(answers, timeout)
        except queue.Empty:
            return None
        finally:
            with self._lock:
                if self._queues is not None:
                    self._queues.pop(sid, None)
            self.unsubscribe(sid)

    def flush(self):
        """Waits until the server has seen everything written before: it answers in order."""
        self.request("_INBOX_nobody", timeout=5.0)  # nobody serves it: the server says so at once

    @staticmethod
    def get(messages, timeout):
        message = messages.get(timeout=timeout)
        if message is None:
            raise Lost("the connection is lost")
        return message

    def _write(self, data):
        try:
            with self._lock:
                self._socket.sendall(data)
        except OSError as error:
            raise Lost("write") from error

    def _read(self):
        try:
            while True:
                verb, _, rest = self._file.readline().rstrip(b"\r\n").partition(b" ")
                if verb in (b"MSG", b"HMSG"):
                    self._message(verb, rest.decode().split())
                elif verb == b"PING":
                    self._write(b"PONG\r\n")
                elif verb == b"-ERR":
                    logging.error("the broker says: %s", rest.decode(errors="replace"))  # P-BUS-10
                elif verb not in (b"PONG", b"INFO", b"+OK"):
                    return  # the end of the stream
        except (OSError, ValueError, Lost) as error:
            logging.debug("connection: %s", error)
        finally:
            self.close()

    def _message(self, verb, words):
        head_size = int(words[-2]) if verb == b"HMSG" else 0
        payload = self._file.read(int(words[-1]) + 2)[:-2]
        headers, status = {}, 0
        if head_size:
            first, *lines = payload[:head_size].decode().split("\r\n")
            status = int(first.split()[1]) if len(first.split()) > 1 else 0
            for key, _, value in (line.partition(":") for line in lines if line):
                headers.setdefault(key, value.strip())
        reply = words[2] if len(words) == (5 if head_size else 4) else ""
        with self._lock:
            into = (self._queues or {}).get(int(words[1]))
        if into is not None:
            into.put(Message(words[0], reply, headers, status, payload[head_size:]))
