"""A client of IBM's gateway, with the accounts that qiskit-ibm-runtime saves. Import it late: it imports the runtime client."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from qiskit.exceptions import QiskitError
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.accounts import Account, AccountManager
from qiskit_ibm_runtime.accounts.exceptions import AccountsError
from requests import RequestException

from qiskit_serverless.core.constants import (
    IBM_SERVERLESS_HOST_URL,
    USAGE_LOW_THRESHOLD_SECONDS,
    USAGE_ZERO_EPSILON_SECONDS,
)
from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.exceptions import InvalidArgumentError, LimitError, PlatformNotFoundError, RuntimeServiceError
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.sync.client import ServerlessClient
from qiskit_serverless.sync.jobs import Job

_PLATFORM = "ibm_quantum_platform"
_INSTANCES = "https://quantum.cloud.ibm.com/instances"


class IBMServerlessClient(ServerlessClient):
    """A client of IBM's gateway, or of another one that takes the same credentials.

    The account is the token given, else the saved account with the name given, else that of the environment
    (``ENV_GATEWAY_PROVIDER_TOKEN``, ``QISKIT_IBM_TOKEN``), else the default account that `save_account` has saved.

    Attributes:
        account: The account.
    """

    def __init__(
        self,
        token: str | None = None,
        name: str | None = None,
        instance: str | None = None,
        channel: str | None = None,
        *,
        host: str | None = None,
    ) -> None:
        """Connect, and see that the account is good.

        Args:
            token: IBM Cloud API key.
            name: Name of a saved account, of no meaning with a token.
            instance: IBM Cloud CRN; by default that of the account.
            channel: ``ibm_quantum_platform``, ``ibm_cloud`` or ``local``.
            host: Base URL of the gateway, by default ``IBM_SERVERLESS_HOST_URL_OVERRIDE`` or IBM's.

        Raises:
            PlatformNotFoundError: There is no such account.
            InvalidArgumentError: The account does not name an instance.
            GatewayConnectionError: No gateway answers there.
            AccessError: The account is not good.
        """
        self.account = _account(token, name, channel)
        self.account.instance = instance or self.account.instance
        if not self.account.instance and self.account.channel != "local":
            raise InvalidArgumentError(
                f"The account names no instance. Pass instance=<CRN>; yours are at {_INSTANCES}."
            )
        super().__init__(
            host or IBM_SERVERLESS_HOST_URL,
            token=self.account.token,
            instance=self.account.instance,
            channel=self.account.channel,
        )

    @staticmethod
    def save_account(
        token: str | None = None,
        name: str | None = None,
        overwrite: bool | None = False,
        instance: str | None = None,
        channel: str | None = None,
    ) -> None:
        """Save an account, where qiskit-ibm-runtime keeps them, for `IBMServerlessClient` and ``QiskitRuntimeService``.

        Args:
            token: IBM Cloud API key.
            name: Name of the account, by default that of the channel's default account.
            overwrite: Whether to replace an account of this name.
            instance: IBM Cloud CRN.
            channel: ``ibm_quantum_platform`` or ``ibm_cloud``.

        Raises:
            InvalidArgumentError: It is no account, or there is one of this name.
        """
        try:
            QiskitRuntimeService.save_account(
                token=token, name=name, overwrite=overwrite, instance=instance, channel=channel
            )
        except AccountsError as error:
            raise InvalidArgumentError(f"The account cannot be saved: {error}") from error

    @cached_property
    def service(self) -> QiskitRuntimeService:
        """The QPU service of the account.

        Raises:
            RuntimeServiceError: IBM Quantum refused, or does not answer.
        """
        with _asking("open the QPU service"):
            account = self.account
            return QiskitRuntimeService(channel=account.channel, token=account.token, instance=account.instance)

    def usage(self) -> dict[str, Any]:
        """Return what the instance may use of QPUs, and what is left of it.

        Raises:
            RuntimeServiceError: IBM Quantum refused, or does not answer.
        """
        with _asking("tell the usage"):
            return dict(self.service.usage())

    def backends(
        self,
        refresh_cache: bool = False,
        name: str | None = None,
        min_num_qubits: int | None = None,
        filters: Callable[[Any], bool] | None = None,
        **options: Value,
    ) -> list[Any]:
        """Return the backends of the instance that fit.

        Args:
            refresh_cache: Of no meaning: IBM Quantum is asked each time.
            name: Only the one with this name.
            min_num_qubits: Only those with at least as many qubits.
            filters: Only those for which it returns True.
            **options: Further filters of ``QiskitRuntimeService.backends``.

        Raises:
            RuntimeServiceError: IBM Quantum refused, or does not answer.
        """
        with _asking("list the backends"):
            return list(self.service.backends(name=name, min_num_qubits=min_num_qubits, filters=filters, **options))

    def backend(self, name: str, **options: Value) -> Any:  # noqa: ANN401  (the runtime client has no types)
        """Return one backend of the instance.

        Raises:
            RuntimeServiceError: There is none of this name, IBM Quantum refused, or does not answer.
        """
        with _asking(f"find backend {name!r}; client.backends() lists those of the instance"):
            return self.service.backend(name=name, **options)

    def least_busy(
        self, min_num_qubits: int | None = None, filters: Callable[[Any], bool] | None = None, **options: Value
    ) -> Any:  # noqa: ANN401  (the runtime client has no types)
        """Return the backend that fits and has the fewest jobs waiting; for the options see `backends`.

        Raises:
            RuntimeServiceError: None fits, IBM Quantum refused, or does not answer.
        """
        with _asking("find a backend that fits; client.backends() lists those of the instance"):
            return self.service.least_busy(min_num_qubits=min_num_qubits, filters=filters, **options)

    def run(
        self,
        program: QiskitFunction | str,
        arguments: Mapping[str, Any] | None = None,
        config: Value = None,
        provider: str | None = None,
        *,
        suppress_low_usage_warning: bool = False,
        **options: Value,
    ) -> Job:
        """Run a function, if the instance has QPU time left and the backend that the argument ``backend_name`` names, or any.

        Args:
            program: The function, or its title.
            arguments: What the program gets from ``get_arguments()``.
            config: For gateways that scale workers.
            provider: Provider of a function that is named by its title.
            suppress_low_usage_warning: Whether to be silent when there is little QPU time left.
            **options: Those of `ServerlessClient.run`.

        Raises:
            LimitError: No QPU time is left.
            RuntimeServiceError: The instance has no such backend, or IBM Quantum refused.
        """
        self._check_usage(suppress_low_usage_warning)
        self._check_backend((arguments or {}).get("backend_name"))
        return super().run(program, arguments, config, provider, **options)

    def stop(self, job_id: str, service: Value = None) -> str:
        """End a job and its QPU jobs, and return what the gateway says to that.

        Args:
            job_id: The job.
            service: The ``QiskitRuntimeService`` with which to end its QPU jobs, by default that of the account.
        """
        return super().stop(job_id, self._service_or_none() if service is None else service)

    def _service_or_none(self) -> QiskitRuntimeService | None:
        try:
            return self.service
        except RuntimeServiceError as error:
            warnings.warn(f"{error} The job ends, its QPU jobs may go on.", stacklevel=3)
            return None

    def _check_usage(self, is_silent: bool) -> None:
        try:
            usage = self.usage()
        except RuntimeServiceError as error:
            warnings.warn(f"{error} The job is run all the same.", stacklevel=3)
            return
        left = usage.get("usage_remaining_seconds", 0.0 if usage.get("usage_limit_reached") else None)
        if left is None:
            return
        if left <= USAGE_ZERO_EPSILON_SECONDS:
            raise LimitError(f"No QPU time is left in instance {self.instance}: the job would wait. See {_INSTANCES}.")
        if left <= USAGE_LOW_THRESHOLD_SECONDS and not is_silent:
            warnings.warn(f"Only {left:.0f} s of QPU time are left in instance {self.instance}.", stacklevel=3)

    def _check_backend(self, name: str | None) -> None:
        if name:
            self.backend(name)
        elif not self.backends():
            raise RuntimeServiceError(f"Instance {self.instance} has no backends. See {_INSTANCES}.")


def _account(token: str | None, name: str | None, channel: str | None) -> Account:
    """Return the account to use; it need not name an instance yet."""
    given = token or (None if name else os.environ.get("ENV_GATEWAY_PROVIDER_TOKEN"))
    try:
        if given:
            return Account.create_account(channel=channel or _PLATFORM, token=given)
        return AccountManager.get(name=name, channel=channel)
    except AccountsError as error:
        raise PlatformNotFoundError(
            f"There is no IBM Quantum account: {error} Pass token=..., or save one with IBMServerlessClient.save_account."
        ) from error


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn the errors of the runtime client into ours."""
    try:
        yield
    except (QiskitError, RequestException) as error:
        raise RuntimeServiceError(f"IBM Quantum did not {what}: {error}") from error
