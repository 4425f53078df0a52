"""The remote side for programs that block. Made from `qiskit_serverless.aio` by ``make sdk``; change it there."""
