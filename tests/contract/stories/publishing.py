"""The admin of a provider publishes a function. Its image is refused: the engines run none."""

from typing import Any

from setup import Setup, refusal


def tell(setup: Setup) -> dict[str, Any]:
    boss = setup.connect(token=setup.details["boss"])
    provider = setup.details["provider"]
    published = boss.upload(setup.function("recipe", provider=provider, title=setup.details["title"]))
    image = setup.function("recipe", provider=provider, entrypoint=None, image="registry.example/lab/recipe:1")
    return {
        "published": [published.provider, published.title],
        "image": refusal(lambda: boss.upload(image)),
    }
