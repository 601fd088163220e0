"""What the system tests are made of: Incus, the server, clients, and a look at /proc."""
