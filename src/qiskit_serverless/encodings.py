"""The forms in which client and gateway exchange arguments and results, and how they agree on one.

A client says in each request what it reads, a gateway in the answer to the first one what it takes. Who says nothing knows
only the runtime client's JSON.
"""

ENCODING_HEADER = "Treadle-Encoding"
"""Header of requests and answers."""

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""Header of a run with the client's own name for it: sent twice, it is one job. Gateways that take containers know it."""

TAGGED = "1"
"""Its value for JSON with tags of ours."""

CONTAINED = "2"
"""Its value for that and, for large values, containers (docs/value-container.md)."""

LOCATION_HEADER = "Treadle-Location"
"""Header of requests and answers: who sends it takes a URL in the platform's object store for a large value."""

LOCATED = "1"
"""Its value."""

LARGE = 8 * 2**20
"""Bytes from which on a value may take that way: below, one round trip is quicker than several."""

LOCATION_TYPE = "application/vnd.treadle.location+json"
"""Media type of an answer that says where a value lies: ``{"url": ..., "size": ...}``."""

UPLOADED_TYPE = "application/vnd.treadle.uploaded+json"
"""Media type of a request that tells of an upload in place of a value: ``{"upload": ..., "parts": [...]}``."""
