"""The smaller parts of the rules: kinds, tokens, regions, directory, units, receipts."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import jsonschema
import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.frames.columns import FEW
from services.ingest.domain.frames.digests import DIGEST_FORM, MANY, digests, keyed
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.known.directory import RETAILER_COLUMNS, Register
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.tokens import TOKEN, TokenKey
from services.ingest.domain.schemas.fields import UTC_TIME, Field, FieldType, Kind
from services.ingest.domain.schemas.schema import ENVELOPE, json_schema, polars_schema
from services.ingest.domain.values.text import mask_codes, mask_text, needs_scrub, scrub, shape, tidy
from services.ingest.domain.values.times import business_days, parse_times
from services.ingest.domain.values.units import Packs
from tests.ingest.builders import KEY, NOW, PHONE, REGIONS, directory, month_sale, order, price, sale, shop

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_has_a_valid_schema_with_a_data_class_on_every_field(kind: Kind):
    schema = json_schema(kind)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert kind.keys
    assert kind.doc
    assert all(field.doc for field in kind.fields)
    assert all("x-data-class" in each for each in schema["properties"].values())
    assert set(schema["required"]) <= set(schema["properties"])
    assert list(polars_schema(kind))[: len(ENVELOPE)] == list(ENVELOPE)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("pos_sale", sale()),
        ("commercial_order", order()),
        ("price_observation", price()),
        ("commercial_sale", month_sale()),
        ("retailer", shop()),
    ],
)
def test_what_the_rules_take_fits_the_schema(kind: str, row: dict[str, object]):
    jsonschema.validate(row, json_schema(KINDS[kind]))


def test_no_stored_field_of_a_person_is_a_raw_one():
    raw = (FieldType.PHONE, FieldType.CONSUMER, FieldType.PERSON_NAME)

    assert [field.name for kind in KINDS.values() for field in kind.stored if field.type in raw] == []


def test_a_kind_cannot_name_a_field_twice():
    field = Field(name="a", type=FieldType.CODE, doc="a")

    with pytest.raises(ValueError, match="twice"):
        Kind(name="x", schema_version=1, doc="x", fields=(field, field))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@given(st.text(min_size=1, max_size=40).filter(lambda text: not TOKEN.fullmatch(text)))
def test_a_token_is_the_hmac_of_the_value_under_its_key(value: str):
    try:
        expected = hmac.new(SECRET, value.encode(), hashlib.sha256).hexdigest()
    except UnicodeEncodeError:
        return

    assert TokenKey("k1", SECRET).token(value) == f"k1:{expected}"


def test_a_long_key_is_hashed_first_as_the_standard_says():
    secret = b"x" * 100

    assert TokenKey("k2", secret).token("a") == f"k2:{hmac.new(secret, b'a', hashlib.sha256).hexdigest()}"


def test_tokens_differ_by_key_and_agree_by_value():
    other = TokenKey("k1", b"another secret of thirty-two byte")

    column = KEY.tokens(pl.Series(["a", None, "b", "a", KEY.token("a")]))

    assert column[0] == column[3] == column[4]
    assert column[1] is None
    assert column[0] != column[2]
    assert other.token("a") != KEY.token("a")
    assert "0123" not in repr(KEY)


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=80), st.just(KEY.token("a"))), min_size=1, max_size=6),
    st.one_of(st.text(min_size=32, max_size=100).map(_encoded), st.binary(min_size=32, max_size=100)),
)
def test_a_column_gets_the_tokens_that_its_values_get_one_by_one(values: list[str | None], secret: bytes):
    key = TokenKey("k7", secret)
    texts = [value and _encoded(value).decode() for value in values] * MANY

    tokens = key.tokens(pl.Series("a", texts, dtype=pl.String))

    expected = [text if text is None or TOKEN.fullmatch(text) else key.token(text) for text in texts]
    assert tokens.to_list() == expected
    assert tokens.name == "a"


@pytest.mark.parametrize(
    "secret", ["a secret that nobody may ever see printed", "geheim, das niemand gedruckt sehen darf: ä"]
)
def test_a_key_shows_itself_nowhere(secret: str):
    key = TokenKey("k1", secret.encode())
    digest = keyed(secret)
    plan = pl.LazyFrame({"value": ["a"]}).select(digest)
    wrong = pl.DataFrame({"value": [1]})

    with pytest.raises(pl.exceptions.ComputeError) as error:
        wrong.select(digest)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    told = [repr(key), str(key), repr(digest), str(digest), digest.meta.tree_format(return_as_string=True)]
    told += [plan.explain(), plan.explain(optimized=False), repr(plan), str(error.value)]

    assert [text for text in told if secret[:12] in text] == []


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_a_column_gets_the_digests_that_its_values_get_one_by_one(values: list[str]):
    texts = pl.Series([_encoded(value).decode() for value in values], dtype=pl.String)

    made = digests(texts).to_list()

    assert made == [digests(texts[place : place + 1])[0] for place in range(len(texts))]
    assert all(digest.startswith(DIGEST_FORM) for digest in made)


@pytest.mark.parametrize(("version", "secret"), [("1", SECRET), ("k1", b"short"), ("", SECRET)])
def test_a_weak_or_nameless_key_is_refused(version: str, secret: bytes):
    with pytest.raises(ValueError, match="key"):
        TokenKey(version, secret)


def test_regions_know_what_lies_below():
    assert set(REGIONS.below("340000")) == {"340000", "340100", "340200"}
    assert REGIONS.below("nowhere") == ["nowhere"]
    assert REGIONS.knows("340111")
    assert not REGIONS.knows("US-ZZ")
    assert Regions({}).knows("anything")


def test_regions_are_read_from_their_csv():
    regions = Regions.from_csv(b"adcode,parent,level,name_zh\nUS,,country,x\nUS-CA,US,province,y\n")

    assert regions.parents == {"US": "", "US-CA": "US"}


def _shops(*rows: tuple[str, str, datetime]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "retailer_code": code,
                "license_no": f"L{code}",
                "adcode": adcode,
                "city_org": None,
                "account_manager_user_id": None,
                "occurred_at": at,
                "ingested_at": NOW,
            }
            for code, adcode, at in rows
        ],
        schema=RETAILER_COLUMNS,
    )


def test_a_register_finds_by_code_and_by_second_code():
    register = Register(RETAILER_COLUMNS, "retailer_code", "license_no")
    register.put(_shops(("a", "1", NOW), ("b", "2", NOW)))

    found = register.look_up(pl.Series(["b", "x", None]), pl.Series([None, "La", "nobody"], dtype=pl.String))

    assert found["adcode"].to_list() == ["2", "1", None]
    assert register.missing({"a", "x"}) == {"x"}


def test_an_older_version_does_not_replace_a_newer_one_in_a_register():
    register = Register(RETAILER_COLUMNS, "retailer_code")
    register.put(_shops(("a", "new", NOW)))

    register.put(_shops(("a", "old", NOW - timedelta(days=1))))

    assert register.look_up(pl.Series(["a"]))["adcode"].to_list() == ["new"]


def test_a_register_forgets_replaced_rows():
    register = Register(RETAILER_COLUMNS, "retailer_code")
    for version in range(1200):
        register.put(_shops(("a", str(version), NOW + timedelta(seconds=version))))

    assert register.look_up(pl.Series(["a"]))["adcode"].to_list() == ["1199"]
    assert len(register) == 1


@pytest.mark.parametrize(
    ("unit", "base"),
    [("stick", 1), ("pack", 20), ("carton", 200), ("master_carton", 10_000), ("case", 50_000), ("wan_case", 5e8)],
)
def test_units_of_a_standard_cigarette(unit: str, base: float):
    packs = Packs(directory().sku.look_up(pl.Series(["34010021", "nobody"])))

    assert packs.factor(unit)[0] == base
    assert np.isnan(packs.factor(unit)[1])


def test_units_may_differ_from_record_to_record():
    packs = Packs(directory().sku.look_up(pl.Series(["34010021", "GIN", "GIN", "34010021"])))

    factors = packs.factors(pl.Series(["carton", "bottle", "master_carton", None]))

    assert factors[:3].tolist() == [200, 1, 12]
    assert np.isnan(factors[3])


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=8))
def test_the_shape_of_a_column_misses_nothing_that_the_slow_look_finds(values: list[str | None]):
    column = pl.Series("a", [value and value.encode("utf-8", "replace").decode() for value in values], dtype=pl.String)

    found = shape(column)

    tidied = tidy(column, widths=False)
    assert found.may_need_tidying or tidied.to_list() == column.to_list()
    assert not found.is_plain or tidy(column, widths=True).to_list() == column.to_list()


FACTS = (
    "longest",
    "is_plain",
    "is_alphanumeric",
    "may_need_tidying",
    "may_name_persons",
    "may_be_phones",
    "are_mobile_numbers",
    "has_long_number",
)


@given(st.lists(st.none() | st.text("019aé １.\x1f", max_size=16) | st.just(PHONE), min_size=1, max_size=4))
def test_a_few_texts_have_the_shape_that_many_such_have(values: list[str | None]):
    few = pl.Series("a", values, dtype=pl.String)
    many = pl.Series("a", values * (FEW + 1), dtype=pl.String)

    assert {fact: getattr(shape(few), fact) for fact in FACTS} == {fact: getattr(shape(many), fact) for fact in FACTS}
    assert shape(few).lengths.tolist() == shape(many).lengths.tolist()[: len(values)]


@pytest.mark.parametrize(
    "value",
    [PHONE, f"x{PHONE}", "138 1234 1234", "１３８１２３４１２３４", "11010519491231002X", "王先生", "女士 李雷"],
)
def test_the_shape_of_a_column_sees_persons(value: str):
    column = pl.Series("a", ["黄山", value, None])

    assert shape(column).may_name_persons
    assert needs_scrub(column)
    assert value not in scrub(column).to_list()


COMMON_TIME = r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
COMMON_TIMES = [
    st.lists(st.from_regex(f"{COMMON_TIME}{part}{end}", fullmatch=True), min_size=1)
    for part in ("", r"\.[0-9]{3}", r"\.[0-9]{6}")
    for end in ("Z", "[+,-][0-2][0-9]:[0-6][0-9]")
]


@given(st.one_of(COMMON_TIMES))
@example(["2025-03-15T11:02:31-08:30", "2025-03-15T00:02:31+00:00", "2024-02-29T23:59:59+14:00"])
@example(["2025-03-15T11:02:31.250-00:30", "2025-03-15T11:02:31.001+08:00"])
@example(["2025-03-15T11:02:31.250999-23:59", "2025-03-15T11:02:31.000001+23:59"])
@example(["2025-03-15T11:02:31+24:00"])
@example(["2025-03-15T11:02:31+08:60"])
@example(["2025-03-15T11:02:31,08:00"])
@example(["2025-03-15T11:02:31.250999Z", "2025-03-15T11:02:31.000000Z"])
@example(["2025-02-29T11:02:31Z"])
def test_times_of_the_common_forms_are_read_as_any_other(values: list[str]):
    texts = pl.Series("a", values, dtype=pl.String)

    found = parse_times(texts, ZoneInfo("Asia/Shanghai"))

    slowly = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC")
    assert found.utc.equals(slowly)
    assert business_days(found.utc, ZoneInfo("Asia/Shanghai")).null_count() == slowly.null_count()
    assert not found.assumed.any()


@given(
    st.lists(st.integers(0, 10 * 24 * 60), min_size=1, max_size=5),
    st.integers(480_000_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"]),
)
def test_the_business_day_is_that_of_the_clocks_of_the_zone(minutes: list[int], first: datetime, zone: str):
    times = [first + timedelta(minutes=some) for some in minutes]

    days = business_days(pl.Series("at", times, dtype=UTC_TIME), ZoneInfo(zone))

    assert days.to_list() == [time.astimezone(ZoneInfo(zone)).date() for time in times]


def test_codes_are_masked_only_where_a_number_stands_alone():
    codes = pl.Series("a", [PHONE, f"P{PHONE}", f"{PHONE}/{PHONE}", "6901028138123"])

    assert mask_codes(codes).to_list() == ["***", f"P{PHONE}", "***/***", "6901028138123"]
    assert mask_text(f"P{PHONE}") == "P***"


def test_a_repeated_receipt_is_all_duplicates():
    receipt = Receipt("b", accepted=5, repaired=2, quarantined=1, rejected=3, duplicates=1)

    assert receipt.sent == 10
    assert receipt.as_repeated() == Receipt("b", 0, 0, 0, 0, 10)
    assert receipt.with_repeated(4, 1) == Receipt("b", 1, 1, 1, 3, 5)
