"""Who is calling: users by their tokens, supervisors by theirs."""

import hmac
from datetime import timedelta

from treadle.domain.errors import NotFoundError, StaleAttemptError, UnauthenticatedError
from treadle.domain.ids import new_id
from treadle.domain.tokens import PREFIX, is_well_formed
from treadle.domain.users import JobIdentity, User
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.ports.secrets import Signer

_JOB_TOKEN = "treadlejob"  # noqa: S105  (the kind of token, not one)
_ENVIRONMENT_TOKEN = "treadleenvironment"  # noqa: S105  (the kind of token, not one)
_JOB_TOKEN_LIFE = timedelta(days=8)
_NOT_VALID = "Authorization token is not valid."
_MISCOPIED = "It was copied incompletely, or mistyped: its last characters do not fit the others."


class Access:
    """Tokens and what they identify."""

    def __init__(self, database: Database, signer: Signer, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock

    async def authenticate(self, token: str) -> User:
        """Return the user a token identifies.

        Raises:
            UnauthenticatedError: No user has this token.
        """
        digest = self._signer.digest(token)
        user = await self._database.read(lambda repositories: repositories.users.by_token(digest))
        if user is None:
            is_miscopied = token.startswith(PREFIX) and not is_well_formed(token)
            raise UnauthenticatedError(_NOT_VALID, hint=_MISCOPIED if is_miscopied else "")
        return user

    async def acting_user(self, token: str, job_id: str) -> tuple[User, int | None]:
        """Return on whose behalf a token works on a job: its user's, or the author's if it is the token of the job itself.

        With the latter comes the attempt that it is of: what it writes must not outlive that.

        Raises:
            UnauthenticatedError: No user has this token, and it is not a job token either.
            NotFoundError: It is the token of another job.
            StaleAttemptError: It is the token of an attempt that was replaced by a newer one.
        """
        if not token.startswith(f"{_JOB_TOKEN}."):
            return await self.authenticate(token), None
        identity = self.job_identity(token)

        def work(repositories: Repositories) -> User:
            job = repositories.jobs.get(job_id) if identity.job_id == job_id else None
            author = repositories.users.by_id(job.author_id) if job is not None else None
            if job is None or author is None:
                raise NotFoundError(f"Job [{job_id}] not found")
            if job.state.attempt != identity.attempt:
                raise StaleAttemptError(f"Attempt {identity.attempt} at job [{job_id}] is over.")
            return author

        return await self._database.read(work), identity.attempt

    async def register(self, name: str, token: str) -> User:
        """Let `token` identify the user called `name`, who is made when there is none."""
        now = self._clock.now()

        def work(repositories: Repositories) -> User:
            user = repositories.users.by_name(name)
            if user is None:
                user = User(new_id(), name)
                repositories.users.add(user, now)
            repositories.users.add_token(user.id, self._signer.digest(token), now)
            return user

        return await self._database.write(work)

    def job_token(self, job_id: str, attempt: int) -> str:
        """Return a token with which the supervisor of an attempt, and nobody else, can report on it."""
        expires = int((self._clock.now() + _JOB_TOKEN_LIFE).timestamp())
        claims = f"{_JOB_TOKEN}.{job_id}.{attempt}.{expires}"
        return f"{claims}.{self._signer.digest(claims)}"

    def job_identity(self, token: str) -> JobIdentity:
        """Return what a job token identifies.

        Raises:
            UnauthenticatedError: It is not a job token of this platform, or it has expired.
        """
        claims, _, signature = token.rpartition(".")
        parts = claims.split(".")
        if len(parts) != 4 or parts[0] != _JOB_TOKEN:
            raise UnauthenticatedError(_NOT_VALID)
        if not hmac.compare_digest(signature.encode(), self._signer.digest(claims).encode()):
            raise UnauthenticatedError(_NOT_VALID)
        if int(parts[3]) < self._clock.now().timestamp():
            raise UnauthenticatedError("Authorization token has expired.")
        return JobIdentity(parts[1], int(parts[2]))

    def environment_token(self, digest: str) -> str:
        """Return a token that opens the lock of an environment, and nothing else, for the machines that build it.

        It is the same for all who run in that environment, and says nothing of any of them.
        """
        claims = f"{_ENVIRONMENT_TOKEN}.{digest}"
        return f"{claims}.{self._signer.digest(claims)}"

    def check_environment_token(self, token: str, digest: str) -> None:
        """See that a token opens the lock of an environment.

        Raises:
            UnauthenticatedError: It does not.
        """
        if not hmac.compare_digest(token.encode(), self.environment_token(digest).encode()):
            raise UnauthenticatedError(_NOT_VALID)
