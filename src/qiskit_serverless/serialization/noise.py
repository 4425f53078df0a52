"""Aer's noise models to JSON and back. Aer is imported when the first one is met: not everybody has it.

The runtime client's form has the errors of a model, but neither its basis gates nor the relaxation during delays, which
models of a backend have; both stand beside it.
"""

from collections.abc import Callable

from qiskit_serverless.serialization.quantum import encode_by_runtime_client
from qiskit_serverless.serialization.tags import PREFIX, VALUE, CannotEncodeError, Encode, Json, Value, Walk, tagged


def find_encoder(kind: type) -> Encode | None:
    """Return the encoder for a type of Aer, None if it has none."""
    from qiskit_aer.noise import NoiseModel

    return _encode_model if kind is NoiseModel else None


def _encode_model(walk: Walk, model: Value) -> Json:
    return tagged(
        f"{PREFIX}NoiseModel",
        encode_by_runtime_client(walk, model),
        basis_gates=model.basis_gates,
        relaxation=[_encode_relaxation(model, each) for each in model._custom_noise_passes],
    )


def _encode_relaxation(model: Value, noise: Value) -> Json:
    from qiskit.circuit import Delay
    from qiskit_aer.noise import RelaxationNoisePass

    # Its target matters only for operations other than delays.
    if type(noise) is not RelaxationNoisePass or tuple(noise._ops or ()) != (Delay,):
        raise CannotEncodeError(type(model), "its custom noise passes are code")
    times = {"t1s": noise._t1s, "t2s": noise._t2s, "excited_state_populations": noise._p1s}
    return {"dt": noise._dt, **{name: values.tolist() for name, values in times.items()}}


def _decode_model(fields: dict[str, Json]) -> Value:
    from qiskit.circuit import Delay
    from qiskit_aer.noise import RelaxationNoisePass

    model = fields[VALUE]
    model._basis_gates = set(fields["basis_gates"])
    model._custom_noise_passes = [RelaxationNoisePass(op_types=Delay, **each) for each in fields["relaxation"]]
    return model


DECODERS: dict[str, Callable[[dict[str, Json]], Value]] = {f"{PREFIX}NoiseModel": _decode_model}
