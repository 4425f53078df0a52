"""Functions: uploaded with everything a release can say of one, found, looked at, uploaded again, refused."""

from typing import Any

from setup import Setup, has, refusal

from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.core.function import RunnableQiskitFunction

SCHEMA = {"type": "object", "properties": {"numbers": {"type": "array", "maxItems": 3}}, "required": ["numbers"]}


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    uploaded = client.upload(setup.function("settings", **everything()))
    title = setup.title("settings")
    found = client.function(title)
    seen = {
        "uploaded": [uploaded.title, uploaded.provider],
        "found": {name: getattr(found, name) for name in ("title", "provider", "description", "version", "entrypoint")},
        "get": client.get(title).title == title,
        "listed": titles(client.functions()).count(title),
        "list": titles(client.list()).count(title),
        "own_only": titles(client.functions(filter="serverless")).count(title),
        "of_providers": titles(client.functions(filter="catalog")).count(title),
        "result": found.run(numbers=[1, 2]).result(cadence=0.05),
        "updated": update(setup, client),
        "refused": refusals(setup, client),
        "from_json": RunnableQiskitFunction.from_json({"title": title, "client": client}).run(numbers=[5]).status(),
        "from_dict": titles(ServerlessClient.from_dict(constructor_arguments(setup, client)).functions()).count(title),
    }
    if has("client.validate_arguments"):
        seen["schema"] = schema(setup, client, found)
    if has("function.sizes"):
        seen["sizes"] = [found.sizes(), found.get_default_size()]
    if has("client.widget"):
        seen["widget"] = widget(client)
    return seen


def widget(client: ServerlessClient) -> str:
    """Draw the listings of a notebook; where that release cannot draw any, say where it fails."""
    try:
        client.widget()
    except AttributeError as error:
        return str(error)
    return "drawn"


def titles(functions: list[RunnableQiskitFunction]) -> list[str]:
    return [function.title for function in functions]


def everything() -> dict[str, Any]:
    """Everything that a release can say of a function."""
    fields = {
        "dependencies": ["numpy"],
        "env_vars": {"COLOUR": "blue"},
        "description": "Adds numbers.",
        "version": "1.2.3",
    }
    return {**fields, "arguments_schema": SCHEMA} if has("client.validate_arguments") else fields


def update(setup: Setup, client: ServerlessClient) -> dict[str, Any]:
    """The same title again: what is given changes, what is left out stays."""
    client.upload(setup.function("settings", env_vars={"COLOUR": "red"}, version="1.3.0"))
    found = client.function(setup.title("settings"))
    return {
        "described": [found.description, found.version],
        "count": titles(client.functions()).count(setup.title("settings")),
        "result": found.run(numbers=[3, 4]).result(cadence=0.05),
    }


def refusals(setup: Setup, client: ServerlessClient) -> dict[str, str]:
    def upload(**fields: Any) -> str:
        return refusal(lambda: client.upload(setup.function("refused", **{"entrypoint": "hello.py", **fields})))

    return {
        "image": upload(image="registry.example/chemistry:1", entrypoint=None),
        "image of a provider": upload(image="registry.example/chemistry:1", entrypoint=None, provider="nobody"),
        "provider": upload(provider="nobody"),
        "entrypoint": upload(entrypoint="missing.py"),
        "version": upload(version="first"),
        "dependency": upload(dependencies=["numpy>>1"]),
        "run": refusal(lambda: client.run(setup.title("nobody-wrote-this"))),
        "uploaded": str(titles(client.functions()).count(setup.title("refused"))),
    }


def constructor_arguments(setup: Setup, client: ServerlessClient) -> dict[str, Any]:
    """What a client says of itself, as far as its constructor takes it."""
    described = client.to_dict()
    return {name: described[name] for name in ("host", "token", "instance") if described.get(name)} | setup.client


def schema(setup: Setup, client: ServerlessClient, found: RunnableQiskitFunction) -> dict[str, Any]:
    title = setup.title("settings")
    return {
        "shown": found.arguments_schema,
        "good": [found.validate_arguments({"numbers": [1]}), client.validate_arguments(title, {"numbers": []})],
        "bad": refusal(lambda: found.validate_arguments({"numbers": "1"})),
        "run": refusal(lambda: client.run(title, arguments={"numbers": [1, 2, 3, 4]})),
        "unusable": refusal(
            lambda: client.upload(
                QiskitFunction(
                    title=setup.title("unusable"),
                    entrypoint="hello.py",
                    working_dir=setup.programs,
                    arguments_schema={"type": "nonsense"},
                )
            )
        ),
    }
