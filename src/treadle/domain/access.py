"""Who may do what: every rule about functions and jobs. Whoever may not see a thing is told that it does not exist.

A function without a provider is its author's alone. A provider's function is administered by the members of the provider's admin
groups; others see or run it by a grant to one of their groups; its author sees and runs it whatever becomes of the groups.
"""

from treadle.domain.functions import Function
from treadle.domain.jobs import BusinessModel, Job
from treadle.domain.providers import Provider
from treadle.domain.users import User


def administers(user: User, provider: Provider | None) -> bool:
    """Return whether a user acts for a provider: uploads its functions, sees their code, jobs and private logs."""
    return provider is not None and not user.groups.isdisjoint(provider.admin_groups)


def may_see(user: User, function: Function) -> bool:
    """Return whether a user may know of a function."""
    return _is_close_to(user, function) or any(grant.group_id in user.groups for grant in function.grants)


def may_run(user: User, function: Function) -> bool:
    """Return whether a user may run a function, and keep files for it."""
    granted = (grant.may_run and grant.group_id in user.groups for grant in function.grants)
    return _is_close_to(user, function) or any(granted)


def may_change(user: User, function: Function) -> bool:
    """Return whether a user may upload versions of a function and see its code."""
    if function.provider is None:
        return function.author_id == user.id
    return administers(user, function.provider)


def business_model(user: User, function: Function) -> BusinessModel:
    """Return on whose account a job would run that the user submits now: a trial if a grant by which it may run is one."""
    trial = any(grant.trial and grant.may_run and grant.group_id in user.groups for grant in function.grants)
    return BusinessModel.TRIAL if trial else BusinessModel.SUBSIDIZED


def owns(user: User, job: Job) -> bool:
    """Return whether a job is the user's own: its result, log and history are for its author alone."""
    return job.author_id == user.id


def may_look_up(user: User, job: Job) -> bool:
    """Return whether a user may know of a job and its status."""
    return owns(user, job) or administers(user, job.provider)


def sees_all_of(user: User, job: Job) -> bool:
    """Return whether nothing that a job's program tells is private to somebody else."""
    return job.provider is None or administers(user, job.provider)


def _is_close_to(user: User, function: Function) -> bool:
    return function.author_id == user.id or administers(user, function.provider)
