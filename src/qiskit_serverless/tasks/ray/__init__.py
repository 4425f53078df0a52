"""Tasks on a Ray cluster: the same calls, with workers on any of its nodes.

The program is a driver of Ray. It asks Ray for *leases*: tasks of Ray's that hold what a target says, and run the program's
tasks of that shape one after the other for as long as there are any. Program and worker talk directly, over TCP; large
values go through Ray's object store. What runs where and when is decided by the same pool as on one machine.

Imported only where ``TREADLE_TASKS`` is ``ray``.
"""


def connect_ahead(address: str, node_address: str) -> None:
    """Connect a process whose program is not known yet: see `connection.connect_ahead`."""
    from qiskit_serverless.tasks.ray import connection

    connection.connect_ahead(address, node_address)
