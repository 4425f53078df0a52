"""The remote side, written once: asynchronously, by hand. ``make sdk`` makes `qiskit_serverless.sync` of it."""
