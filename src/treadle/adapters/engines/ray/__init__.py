"""The engine of a Ray cluster.

```
RayEngine (dispatcher; imports nothing of Ray)            engine.py, connection.py
 └ driver: a process of its own, connected to Ray         driver.py, cluster.py, node.py
    └ node agents: an actor on each node                  agent.py
       └ LocalEngine of the node: zygote, supervisors, programs
```

The driver is a process because Ray ends the process of a driver that has lost its cluster, and because Ray's threads, signals and
memory have no place in a gateway.
"""
