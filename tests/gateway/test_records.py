"""Records go in as they are, and come out as JSON or as CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import fastexcel
import httpx
import polars as pl
import pytest
import pytest_asyncio

from chassis.errors import Invalid, NotFound, Unavailable
from chassis.testing import eventually
from gateway.exports import csv_text
from tests.gateway.house import Door, House, door
from tests.gateway.market import Market
from tests.gateway.problem import pointers_of, problem_of
from tests.gateway.scripted import ScriptedIngest, scripted_ingest

CHINA = timezone(timedelta(hours=8))


@pytest_asyncio.fixture(loop_scope="session")
async def script(whole: House) -> AsyncIterator[tuple[ScriptedIngest, Door]]:
    """A gateway in front of a scripted ingest."""
    async with (
        scripted_ingest() as (service, address),
        door(whole.common, **{**whole.addresses, "ingest_address": address}) as opened,
    ):
        yield service, opened


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", b' [{"a" : 1 ,"b":"\\u00e4"}]\r\n'),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\n'),
        ("text/csv; charset=gb18030", "编号,名称\r\n1,黄山\r\n".encode("gb18030")),
        ("application/vnd.apache.arrow.stream", bytes(range(256)) * 4096),
    ],
)
async def test_a_body_reaches_ingest_byte_by_byte_with_type_source_and_key(
    script: tuple[ScriptedIngest, Door], media: str, body: bytes
):
    service, opened = script
    partner = await opened.client("partner", user="erp")
    headers = {"content-type": media, "idempotency-key": "once"}

    response = await partner.post("/api/v1/records/sku", params={"source": "till"}, content=body, headers=headers)

    [taken] = service.taken
    assert response.status_code == 202
    assert response.json()["accepted"] == 1
    assert taken.body == body
    assert (taken.kind, taken.content_type, taken.source) == ("sku", media, "till")
    assert (taken.idempotency_key, taken.sent_by) == ("once", "erp")


async def test_the_receipt_of_records_adds_up_and_says_what_is_wrong(api: httpx.AsyncClient, market: Market):
    response = await api.post("/api/v1/records/sku", json=[{"sku_code": "G-1", "name_zh": "x"}, {"name_zh": "no code"}])

    receipt = response.json()
    assert response.status_code == 202
    assert receipt["accepted"] + receipt["quarantined"] + receipt["rejected"] + receipt["duplicates"] == 2
    assert "/1/sku_code" in [reason["pointer"] for reason in receipt["reasons"]]


async def test_records_are_listed_with_money_as_text_and_times_in_utc(api: httpx.AsyncClient, market: Market):
    page = (await api.get("/api/v1/orders", params={"retailer": "G-A", "limit": 5, "with_total": True})).json()

    [first, *_] = page["items"]
    assert (len(page["items"]), page["total"]) == (5, 12)
    assert page["next_cursor"]
    assert (first["amount"], first["price_wholesale"]) == ("500.00", "100.00")
    assert datetime.fromisoformat(first["ordered_at"]).tzinfo == UTC
    assert first["ordered_at"].endswith("Z")
    assert date.fromisoformat(first["biz_date"])


async def test_all_pages_together_are_all_records_once(api: httpx.AsyncClient, market: Market):
    keys: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get("/api/v1/orders", params={"limit": 5, "cursor": cursor})).json()
        keys += [item["record_key"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert len(keys) == len(set(keys)) == 24


async def test_an_order_and_its_lines_are_found_although_the_number_holds_a_slash(
    api: httpx.AsyncClient, market: Market
):
    order = (await api.get("/api/v1/orders/O/0-1")).json()
    line = (await api.get("/api/v1/records/commercial_order/O/0-1~2")).json()
    none = await api.get("/api/v1/orders/O/9-9")

    assert [item["line_no"] for item in order["items"]] == [1, 2, 3]
    assert (line["sku_code"], line["line_no"]) == ("G-2", 2)
    problem_of(none, 404, "order_not_found", hides="9-9")


async def test_statistics_group_and_total(api: httpx.AsyncClient, market: Market):
    asked = {"group_by": "retailer", "measure": "amount", "from": "2000-01-01"}

    answer = (await api.get("/api/v1/orders/statistics", params=asked)).json()
    same = (await api.get("/api/v1/records/commercial_order/statistics", params=asked)).json()

    assert {item["retailer"]: item["value"] for item in answer["items"]} == {"G-A": 6000, "G-B": 4000, "G-C": 2000}
    assert (answer["total"], answer["records"], answer["unit"]) == (12000, 24, "CNY")
    assert answer == same


async def test_statistics_without_groups_are_one_total(api: httpx.AsyncClient, market: Market):
    whole = (await api.get("/api/v1/orders/statistics")).json()
    none = (await api.get("/api/v1/orders/statistics", params={"retailer": "nobody"})).json()
    unknown = await api.get("/api/v1/orders/statistics", params={"measure": "happiness"})

    assert (whole["items"], whole["total"], whole["records"]) == ([{"records": 24, "value": 24}], 24, 24)
    assert (none["total"], none["records"]) == (0, 0)
    problem_of(unknown, 400, "invalid", hides="happiness")


@pytest.mark.parametrize("path", ["/records/spaceship", "/records/spaceship?format=csv", "/records/spaceship/x"])
async def test_a_kind_that_does_not_exist_is_not_found(api: httpx.AsyncClient, path: str):
    response = await api.get("/api/v1" + path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_download_holds_all_matching_records_and_opens_in_a_spreadsheet(api: httpx.AsyncClient, market: Market):
    response = await api.get("/api/v1/orders", params={"format": "csv", "limit": 1})
    shops = await api.get("/api/v1/records/retailer", params={"format": "csv"})

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="commercial_order.csv"'
    assert "content-length" not in response.headers
    assert response.text.startswith("\ufeff")
    assert len(_rows(response.text)) == 24
    assert {row["amount"] for row in _rows(response.text)} == {"500.00"}
    assert {row["name"][:12] for row in _rows(shops.text)} == {"'=HYPERLINK("}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "\n=1", "＝1", "＠x"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str):
    frame = pl.DataFrame({"name": [text, "plain", None]}).with_columns(kind=pl.col("name").cast(pl.Categorical))

    rows = list(csv.DictReader(io.StringIO(csv_text(frame, header=True), newline="")))

    assert [row["name"] for row in rows] == ["'" + text, "plain", ""]
    assert [row["kind"] for row in rows] == ["'" + text, "plain", ""]


def test_figures_dates_and_lists_stay_what_they_are():
    frame = pl.DataFrame(
        {
            "amount": [Decimal("-12.50")],
            "quantity": [-3],
            "share": [-0.5],
            "day": [date(2026, 1, 2)],
            "at": [datetime(2026, 1, 2, 8, tzinfo=CHINA)],
            "rules": [["=DQ-01", "DQ-02"]],
        },
        schema_overrides={"at": pl.Datetime("us", "Asia/Shanghai")},
    )

    [row] = _rows(csv_text(frame, header=True))

    assert (row["amount"], row["quantity"], row["share"], row["day"]) == ("-12.50", "-3", "-0.5", "2026-01-02")
    assert row["at"] == "2026-01-02T00:00:00.000000Z"
    assert row["rules"] == "'=DQ-01 DQ-02"


async def test_a_download_is_sent_page_by_page_with_one_header(script: tuple[ScriptedIngest, Door]):
    service, opened = script
    service.pages = [pl.DataFrame({"a": [n], "b": ['x,"y"\n']}) for n in range(3)]
    client = await opened.client("analyst")

    response = await client.get("/api/v1/records/sku", params={"format": "csv"})

    assert [row["a"] for row in _rows(response.text)] == ["0", "1", "2"]
    assert response.text.count("a,b") == 1
    assert [request.cursor for request in service.asked] == ["", "1", "2"]


@pytest.mark.parametrize(("error", "status"), [(NotFound("x"), 404), (Invalid("x"), 400), (Unavailable("x"), 503)])
async def test_a_download_that_cannot_begin_is_a_problem(script: tuple[ScriptedIngest, Door], error, status: int):
    service, opened = script
    service.pages = [error]
    client = await opened.client("analyst")

    response = await client.get("/api/v1/records/sku", params={"format": "csv"})

    problem_of(response, status, error.code)


async def test_a_download_that_breaks_off_does_not_look_complete(script: tuple[ScriptedIngest, Door]):
    service, opened = script
    service.pages = [pl.DataFrame({"a": [1]}), Unavailable("gone")]
    client = await opened.client("analyst")

    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/api/v1/records/sku", params={"format": "csv"})


@pytest.mark.parametrize("kind", ["sku%0d%0aset-cookie:%20a=b", "sku%22;x=%22", "%E2%80%AEfdp"])
async def test_the_name_of_a_kind_cannot_write_headers(script: tuple[ScriptedIngest, Door], kind: str):
    service, opened = script
    service.pages = [pl.DataFrame({"a": [1]})]
    client = await opened.client("analyst")

    response = await client.get(f"/api/v1/records/{kind}", params={"format": "csv"})

    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    name = response.headers["content-disposition"].removeprefix('attachment; filename="').removesuffix('.csv"')
    assert name.replace("_", "").isalnum()


async def test_figures_that_are_no_numbers_become_null_and_the_answer_stays_json(script: tuple[ScriptedIngest, Door]):
    service, opened = script
    service.pages = [pl.DataFrame({"a": [float("nan"), float("inf"), 1.5]})]
    client = await opened.client("analyst")

    response = await client.get("/api/v1/records/sku")

    assert json.loads(response.content)["items"] == [{"a": None}, {"a": None}, {"a": 1.5}]


async def test_the_kinds_say_what_a_record_holds_and_how_sensitive_it_is(api: httpx.AsyncClient):
    kinds = (await api.get("/api/v1/kinds")).json()["items"]
    retailer = (await api.get("/api/v1/kinds/retailer")).json()
    unknown = await api.get("/api/v1/kinds/13800138000")

    assert retailer in kinds
    assert retailer["key_fields"] == ["retailer_code"]
    assert retailer["json_schema"]["properties"]["contact_phone"]["x-data-class"] == "personal"
    problem_of(unknown, 404, "unknown_kind", hides="13800138000")


async def test_what_was_set_aside_is_listed_and_the_balance_adds_up(api: httpx.AsyncClient, market: Market):
    line = {"order_no": "SET-ASIDE", "line_no": 1, "retailer_code": "G-A", "sku_code": "NOBODY-KNOWS"}
    rest = {"qty_order_base": 200, "ordered_at": datetime.now(UTC).isoformat()}
    await api.post("/api/v1/records/commercial_order", json=[line | rest])

    async def listed() -> list[dict[str, object]]:
        items = (await api.get("/api/v1/quarantine", params={"kind": "commercial_order"})).json()["items"]
        return [item for item in items if item["record"].get("order_no") == "SET-ASIDE"]

    [item] = await eventually(listed)
    quality = (await api.get("/api/v1/quality")).json()
    sources = (await api.get("/api/v1/sources")).json()["items"]
    days = (await api.get("/api/v1/quality/days", params={"source": "api"})).json()
    rules = (await api.get("/api/v1/quality/rules")).json()["items"]
    never = await api.get("/api/v1/quality/days", params={"from": "2025-03-02", "to": "2025-03-01"})

    now = datetime.now(timezone(timedelta(hours=8)))
    assert {day["day"] for day in days["items"]} <= {str(now.date()), str((now - timedelta(hours=1)).date())}
    assert sum(day["received"] for day in days["items"]) == sum(
        row["received"] for row in quality["items"] if row["source"] == "api"
    )
    fired = {(rule["rule"], rule["severity"], rule["kind"]) for rule in days["rules"]}
    assert ("DQ-10", "quarantine", "commercial_order") in fired
    assert {rule["id"] for rule in rules} >= {"DQ-01", "DQ-10", "DQ-22"}
    assert never.status_code == 400
    assert item["state"] == "open"
    assert item["reasons"]
    for row in [*quality["items"], quality["totals"]]:
        fates = ("stored", "duplicate", "quarantined", "rejected", "pending")
        assert row["received"] == sum(row[fate] for fate in fates)
    assert {"api", "history"} <= {source["name"] for source in sources}


async def test_a_workbook_holds_all_matching_records_with_what_its_columns_mean(api: httpx.AsyncClient, market: Market):
    response = await api.get("/api/v1/orders", params={"format": "xlsx"})
    shops = await api.get("/api/v1/records/retailer", params={"format": "xlsx"})

    book = fastexcel.read_excel(response.content)
    orders = book.load_sheet("commercial_order").to_polars()
    notes = book.load_sheet("说明").to_polars()
    names = fastexcel.read_excel(shops.content).load_sheet("retailer").to_polars()["name"]
    assert response.headers["content-disposition"] == 'attachment; filename="commercial_order.xlsx"'
    assert orders.height == 24
    assert orders["amount"].unique().to_list() == [500.0]
    assert orders["ordered_at"].dtype == pl.Datetime
    assert "amount" in notes["字段 field"].to_list()
    assert {name[:11] for name in names} == {"=HYPERLINK("}
    assert not any(b"<f>" in part for part in _sheets(shops.content))


def _sheets(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist() if "worksheets" in name]


async def test_records_are_filtered_by_any_code_or_choice_of_their_kind(api: httpx.AsyncClient, market: Market):
    async def count(*equal: str) -> int:
        answer = await api.get("/api/v1/orders", params={"equal": list(equal), "with_total": True})
        return int(answer.json()["total"])

    assert await count("state:confirmed") == 24
    assert await count("state:new") == 0
    assert await count("line_no:1", "order_no:O/0-1") == 1
    assert await count("demand_is_order:false", "currency:CNY") == 24
    for wrong in ("amount:1", "state:lost", "line_no:one", "demand_is_order:maybe", "nothing:1", "record_key:1"):
        refused = await api.get("/api/v1/orders", params={"equal": wrong})
        assert pointers_of(problem_of(refused, 400, "invalid")) == ["/query/equal"]
    problem_of(await api.get("/api/v1/orders", params={"equal": "noise"}), 422, "invalid_parameter")


async def test_sums_of_money_are_exact(script: tuple[ScriptedIngest, Door]):
    service, opened = script
    service.totals = pl.DataFrame(
        {"place": ["a", "b"], "records": [1, 2], "value": [Decimal("12345678901234567.89"), Decimal("0.12")]},
        schema_overrides={"value": pl.Decimal(38, 2)},
    )
    client = await opened.client("analyst")

    response = await client.get("/api/v1/orders/statistics", params={"group_by": "place", "measure": "amount"})

    answer = json.loads(response.text, parse_float=Decimal)
    assert [item["value"] for item in answer["items"]] == [Decimal("12345678901234567.89"), Decimal("0.12")]
    assert answer["total"] == Decimal("12345678901234568.01")
    assert (answer["records"], answer["items"][0]["place"]) == (3, "a")


@pytest.mark.parametrize(("form", "begins"), [("xlsx", b"PK"), ("csv", "\ufefforder_no".encode())])
async def test_a_kind_has_a_template_to_fill_in(api: httpx.AsyncClient, form: str, begins: bytes):
    answer = await api.get("/api/v1/kinds/commercial_order/template", params={"format": form})

    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="commercial_order.{form}"'
    assert answer.content.startswith(begins)


async def test_a_kind_that_is_not_there_has_no_template(api: httpx.AsyncClient):
    problem_of(await api.get("/api/v1/kinds/nothing/template"), 404, "unknown_kind")
