"""Forwarding by clients that aren't OpenSSH's: paramiko and asyncssh."""
import asyncio
import hashlib
import os
import threading

import asyncssh
import paramiko
import pytest

ASK = r"""
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
connection.sendall(b"x" * 300000)
connection.shutdown(socket.SHUT_WR)
print(connection.makefile("rb").read().decode())
"""
DIGEST = hashlib.sha256(b"x" * 300000).hexdigest()


@pytest.fixture
def paramiko_transport(server, root_key):
    transport = paramiko.Transport((server.address, server.port))
    transport.connect(username="c1", pkey=paramiko.Ed25519Key.from_private_key_file(
        str(root_key.path)))
    yield transport
    transport.close()


@pytest.mark.expect_logins(1)
def test_paramiko_connects_and_is_refused(paramiko_transport, inside):
    port = inside.serve()
    channel = paramiko_transport.open_channel("direct-tcpip", ("127.0.0.1", port), ("me", 1))
    data = os.urandom(400_000)
    channel.sendall(b"hash\n" + data)
    channel.shutdown_write()
    assert channel.makefile().read().decode() == hashlib.sha256(data).hexdigest()
    with pytest.raises(paramiko.ChannelException) as refused:
        paramiko_transport.open_channel("direct-tcpip", ("127.0.0.1", 1), ("me", 1))
    assert refused.value.code == 2  # and the text, which paramiko only logs


@pytest.mark.expect_logins(1)
def test_paramiko_data_before_a_close_arrives(paramiko_transport, inside):
    server = inside.start_server()
    channel = paramiko_transport.open_channel("direct-tcpip", ("127.0.0.1", server.port), ("me", 1))
    data = os.urandom(400_000)
    channel.sendall(b"end-first\n" + data)
    channel.close()
    assert server.process.stdout.readline().strip() == hashlib.sha256(data).hexdigest()


@pytest.mark.expect_logins(1)
def test_paramiko_listens(paramiko_transport, inside):
    port = paramiko_transport.request_port_forward("127.0.0.1", 0)
    assert inside.listens(port)

    def serve():
        channel = paramiko_transport.accept(20)
        channel.sendall(hashlib.sha256(channel.makefile().read()).hexdigest().encode())
        channel.close()
    thread = threading.Thread(target=serve)
    thread.start()
    assert inside.run(ASK, port).strip() == DIGEST
    thread.join()
    paramiko_transport.cancel_port_forward("127.0.0.1", port)
    # The reply to a later request says that this one is done.
    paramiko_transport.global_request("keepalive@openssh.com", wait=True)
    assert not inside.listens(port)


@pytest.mark.expect_logins(1)
def test_asyncssh_forwards_both_ways(server, root_key, inside):
    port = inside.serve()

    async def main():
        async with asyncssh.connect(server.address, server.port, username="c1",
                                    client_keys=[str(root_key.path)], known_hosts=None,
                                    config=None) as connection:
            local = await connection.forward_local_port("127.0.0.1", 0, "localhost", port)
            reader, writer = await asyncio.open_connection("127.0.0.1", local.get_port())
            writer.write(b"hash\n" + b"x" * 300000)
            writer.write_eof()
            assert (await reader.read()).decode() == DIGEST

            async def hasher(reader, writer):
                writer.write(hashlib.sha256(await reader.read()).hexdigest().encode())
                writer.write_eof()
                writer.close()
            remote = await connection.start_server(lambda *_: hasher, "", 0)
            answer = await asyncio.to_thread(inside.run, ASK, remote.get_port())
            assert answer.strip() == DIGEST
            remote.close()
            await remote.wait_closed()
    asyncio.run(main())
