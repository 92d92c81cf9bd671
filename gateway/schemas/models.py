"""Twin types, their versions, and the migrations between them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.schemas.base import Json, Shape


class TwinModel(Shape):
    name: str
    dtmi: str
    dtdl: Json = Field(description="The interface, DTDL v3")
    version: str = Field(description="Of the identifier: 1, or 1.2")
    state: Literal["current", "former", "migrating"] = Field(description="migrating: twins are on their way to it")
    created_at: str | None = Field(description="null: we ship it")
    created_by: str = Field(description="user:SUBJECT or file:NAME; empty: we ship it")
    twins: int = Field(description="Living twins that are at it")


class TwinContent(Shape):
    kind: Literal["property", "relationship", "component", "telemetry", "command"]
    name: str
    display_name: str
    description: str
    defined_in: str = Field(description="The interface that has it, where it is inherited")
    is_inherited: bool
    json_schema: Json | None = Field(default=None, alias="schema", description="JSON Schema of its values")
    unit: str | None = None
    writable: bool | None = Field(default=None, description="Whether a value can be desired")
    target: str | None = Field(default=None, description="Interface that it leads to; null: any")
    max_multiplicity: int | None = Field(default=None, description="How many there can be; null: any number")
    model: str | None = Field(default=None, description="Interface of the component")
    contents: list[Any] | None = Field(default=None, description="What the component has")


class TwinModelDetails(Shape):
    name: str
    dtmi: str = Field(description="The version that counts, and that this is about")
    display_name: str
    description: str
    takes_twins: bool = Field(description="Ids begin with the name: only one of small letters and _ can have twins")
    ancestors: list[str] = Field(description="What it inherits from, nearest first")
    contents: list[TwinContent] = Field(description="Its own and what it inherits")
    json_schema: Json = Field(description="JSON Schema of its properties")
    versions: list[TwinModel] = Field(description="The newest last")


class TwinMisfit(Shape):
    id: str
    pointer: str
    rule: str
    message: str


class TwinMigrationPlan(Shape):
    name: str
    dtmi: str
    twins: int = Field(description="Twins that were looked at; 0 where the version only adds to the one before")
    changed: int
    misfits: int
    first_misfits: list[TwinMisfit] = Field(description="The first 100")


class TwinMigration(Shape):
    id: str
    name: str
    before_dtmi: str
    after_dtmi: str
    steps: list[Json]
    state: Literal["running", "done", "stuck", "cancelled"] = Field(description="stuck: some twins do not fit")
    twins: int = Field(description="Living twins when it began")
    moved: int = Field(description="Twins that were brought to the new version")
    changed: int
    misfits: int
    first_misfits: list[TwinMisfit] = Field(description="The first 100")
    created_at: str
    created_by: str
    ended_at: str | None


class TwinModelsAdded(Shape):
    items: list[TwinModel] = Field(description="What was posted, as it is now; nothing that is new after a dry run")
    plans: list[TwinMigrationPlan] = Field(description="What new versions mean for living twins")
    migrations: list[TwinMigration] = Field(description="Those that began")


class TwinModelsBody(Shape):
    """Interfaces alone can be posted as they are: one, or an array."""

    models: list[Json] = Field(description="At most 500 interfaces, 1 MiB in all")
    migration: dict[str, list[Json]] = Field(
        default_factory=dict,
        description='Steps by name of the type: `{"op": "rename", "property": "a", "to": "b"}`, `remove`, '
        "`default` (`value`), `convert` (`by`)",
    )
