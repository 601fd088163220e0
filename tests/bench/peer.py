"""Runs inside of the instance: what forwarded connections lead to. Ports: a sink, which answers
with one byte when all has come; a source of as many bytes as it is asked for (8 bytes, big-endian);
and a greeter, which sends one byte at once."""
import os
import socket
import struct
import sys
import threading

CHUNK = bytearray(os.urandom(1 << 20))


def sink(connection):
    buffer = bytearray(1 << 20)
    while connection.recv_into(buffer):
        pass
    connection.sendall(b".")


def source(connection):
    (left,) = struct.unpack(">Q", connection.recv(8, socket.MSG_WAITALL))
    while left:
        left -= connection.send(memoryview(CHUNK)[:min(left, len(CHUNK))])


def greet(connection):
    connection.sendall(b".")


def serve(listener, answer):
    def one(connection):
        with connection:
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answer(connection)
            except OSError:
                pass
    while True:
        threading.Thread(target=one, args=listener.accept()[:1], daemon=True).start()


def main():
    answers = (sink, source, greet)
    listeners = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[1:]]
    if os.fork():
        return
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    for listener, answer in list(zip(listeners, answers))[1:]:
        threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
    serve(listeners[0], answers[0])


main()
