"""`billmill tariff quote`: loads priced without accounts, each bill worked by hand."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from books_by_hand import FLAT, WATER, CommandLine, add_tariffs, hourly, write_file
from loads_by_hand import MONTHLY, NET, RATCHET, clock_hours, write_curve

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """Commands in a folder that is no workspace: files need none."""
    return CommandLine(tmp_path / "nowhere")


def quoted(command: CommandLine, tariff: Path | str, reads: Path, *options: object, code: int = 0) -> Any:
    ended = command("tariff", "quote", tariff, "--reads", reads, *options, "--json")
    assert ended.code == code, ended
    return ended.json


def refused(command: CommandLine, tariff: Path, reads: Path, *options: object) -> str:
    ended = command("tariff", "quote", tariff, "--reads", reads, *options)
    assert ended.code == 2, ended
    return ended.err


def amounts(month: Any) -> dict[str, str]:
    return {line["component_id"]: line["amount"] for line in month["lines"]}


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_file(tmp_path / "flat.toml", FLAT)


def test_a_month_of_a_steady_load_is_a_bill(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    # 720 hours x 0.5 kWh x 0.30 = 108.00; 30 days x 1.00; 10 % of 138.00.
    sheet = quoted(command, flat, write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5"))
    assert (sheet["total"], sheet["total_minor"], sheet["currency"]) == ("151.80", 15180, "AUD")
    (month,) = sheet["months"]
    assert (month["month"], month["is_whole"], month["parked"]) == ("2026-06", True, None)
    assert amounts(month) == {"energy": "108.00", "supply": "30.00", "gst": "13.80"}
    energy, _, gst = month["lines"]
    assert (energy["quantity"], energy["unit"], energy["rate"], energy["amount_exact"]) == ("360", "kWh", "0.3", "108")
    assert (gst["quantity"], gst["unit"], gst["rate"]) == ("138.00", "%", "10")


def test_json_of_a_quote_has_these_keys(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    sheet = quoted(command, flat, write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5"))
    assert set(sheet) == {
        "tariff", "title", "commodity", "currency", "from", "to", "prices_of", "attributes", "factors", "is_complete",
        "total", "total_minor", "months", "reads",
    }  # fmt: skip
    assert set(sheet["months"][0]) == {"month", "from", "to", "is_whole", "parked", "total", "total_minor", "lines"}
    assert set(sheet["months"][0]["lines"][0]) == {
        "component_id", "line_text", "kind", "category", "season", "tou", "tier", "period_start_date",
        "period_end_date", "quantity", "unit", "rate", "amount_exact", "amount", "amount_minor", "is_memo",
    }  # fmt: skip
    assert set(sheet["reads"]) == {
        "file", "format", "zone", "from", "to", "channels", "notes", "rejected", "first_reject",
    }  # fmt: skip


def test_days_that_begin_inside_a_month_are_a_part_of_it(command: CommandLine, tmp_path: Path) -> None:
    # 10 of 30 days: 240 hours x 0.5 x 0.30 = 36.00, and a third of 30.00; then 31 days: 111.60 and 30.00.
    tariff = write_file(tmp_path / "monthly.toml", MONTHLY)
    reads = write_curve(tmp_path / "house.csv", JUNE, date(2026, 8, 1), "0.5")
    sheet = quoted(command, tariff, reads, "--from", "2026-06-21")
    june, july = sheet["months"]
    assert (june["from"], june["to"], june["is_whole"]) == ("2026-06-21", "2026-07-01", False)
    assert amounts(june) == {"energy": "36.00", "supply": "10.00", "gst": "4.60"}
    assert amounts(july) == {"energy": "111.60", "supply": "30.00", "gst": "14.16"}
    assert sheet["total"] == "206.36"
    shown = command.done("tariff", "quote", tariff, "--reads", reads, "--from", "2026-06-21").out
    assert "part: 2026-06-21 to 2026-07-01" in shown and "206.36 AUD" in shown


@pytest.mark.parametrize(
    ("first", "end", "change", "hours"),
    [
        (date(2026, 10, 1), date(2026, 11, 1), "2026-10-04 02:00,1\n", 743),  # an hour that the clock skips
        (date(2026, 4, 1), date(2026, 5, 1), "", 721),  # an hour that it shows twice
    ],
)
def test_months_in_which_the_clock_changes(
    command: CommandLine, tmp_path: Path, first: date, end: date, change: str, hours: int
) -> None:
    text = clock_hours(first, end, lambda hour: "1")
    text = text.replace(change, "") if change else text.replace("2026-04-05 02:00,1\n", "2026-04-05 02:00,1\n" * 2)
    sydney = write_file(tmp_path / "sydney.toml", FLAT.replace("Brisbane", "Sydney"))
    sheet = quoted(command, sydney, write_file(tmp_path / "house.csv", text))
    assert sheet["months"][0]["lines"][0]["quantity"] == str(hours)
    assert sheet["reads"]["rejected"] == 0


def test_a_load_without_daylight_saving_says_what_to_do(command: CommandLine, tmp_path: Path) -> None:
    sydney = write_file(tmp_path / "sydney.toml", FLAT.replace("Brisbane", "Sydney"))
    reads = write_curve(tmp_path / "house.csv", date(2026, 10, 1), date(2026, 11, 1), "1")
    error = refused(command, sydney, reads)
    assert "one that the clock of Australia/Sydney shows, found `2026-10-04 02:00`" in error and "--zone UTC" in error
    assert quoted(command, sydney, reads, "--zone", "UTC")["months"][0]["lines"][0]["quantity"] == "744"


def test_a_ratchet_looks_back_over_the_months_of_the_quote(command: CommandLine, tmp_path: Path) -> None:
    # Highest hours 5, 2 and 4.5 kW: January 50.00; February 0.8 x 5 = 4 kW, 40.00; March 4.5 beats 4.0, 45.00.
    peaks = {1: "5", 2: "2", 3: "4.5"}

    def value(hour: datetime) -> str:
        return peaks[hour.month] if (hour.day, hour.hour) == (12, 18) else "1"

    reads = write_curve(tmp_path / "shop.csv", date(2026, 1, 1), date(2026, 4, 1), value)
    sheet = quoted(command, write_file(tmp_path / "ratchet.toml", RATCHET), reads)
    assert [month["total"] for month in sheet["months"]] == ["50.00", "40.00", "45.00"]


def test_a_bank_runs_on_from_month_to_month_and_below_zero_is_export(command: CommandLine, tmp_path: Path) -> None:
    # June exports 720 kWh and uses nothing: kept 720. July uses 744: billed 24, 6.00. August uses 744: 186.00.
    reads = write_curve(
        tmp_path / "solar.csv", JUNE, date(2026, 9, 1), lambda hour: "-1" if hour.month == 6 else "1"
    )  # fmt: skip
    sheet = quoted(command, write_file(tmp_path / "net.toml", NET), reads)
    assert [month["total"] for month in sheet["months"]] == ["0.00", "6.00", "186.00"]
    assert [channel["measure"] for channel in sheet["reads"]["channels"]] == ["import_energy", "export_energy"]


def test_a_month_with_a_missing_interval_is_not_priced_and_the_others_are(
    command: CommandLine, flat: Path, tmp_path: Path
) -> None:
    text = clock_hours(JUNE, date(2026, 8, 1), lambda hour: "" if hour == datetime(2026, 7, 9, 4) else "0.5")
    sheet = quoted(command, flat, write_file(tmp_path / "gap.csv", text), code=3)
    june, july = sheet["months"]
    assert (june["total"], july["total"], july["lines"], sheet["is_complete"]) == ("151.80", None, [], False)
    detail = "channel load: intervals are missing on 1 days, the first is 2026-07-09"
    assert july["parked"] == {"reason": "intervals_missing", "detail": detail}


def test_values_with_more_digits_are_rounded_and_said(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    # 0.5005 kWh is 500.5 Wh, half away from zero 501 Wh: 720 of them are 360.72 kWh.
    sheet = quoted(command, flat, write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5005"))
    assert sheet["months"][0]["lines"][0]["quantity"] == "360.72"
    assert sheet["reads"]["notes"] == ["720 values were rounded to whole smallest units"]


@pytest.mark.parametrize(("count", "kwh"), [(8760, "720"), (35040, "720")])
def test_one_number_a_line_is_the_power_of_a_year(
    command: CommandLine, flat: Path, tmp_path: Path, count: int, kwh: str
) -> None:
    reads = write_file(tmp_path / "year.csv", "1.0\n" * count)
    sheet = quoted(command, flat, reads, "--year", 2026)
    assert len(sheet["months"]) == 12
    assert sheet["months"][5]["lines"][0]["quantity"] == kwh


def test_parquet_of_whole_watt_hours(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    hours = pl.datetime_range(datetime(2026, 6, 1), datetime(2026, 7, 1), "1h", closed="left", eager=True)
    path = tmp_path / "profile.parquet"
    pl.DataFrame({"interval_start": hours, "energy_wh": [500] * 720}).write_parquet(path)
    assert quoted(command, flat, path)["total"] == "151.80"
    pl.DataFrame({"interval_start": hours, "energy_wh": [0.5] * 720}).write_parquet(path)
    assert "expected columns interval_start (time) and energy_wh (whole Wh)" in refused(command, flat, path)


def test_meter_files_are_priced_without_accounts(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    long = write_file(tmp_path / "long.csv", "meter_point,channel,unit,start,value,quality,updated_at\n"
                      + hourly("E1", JUNE, JULY, "0.500"))  # fmt: skip
    assert quoted(command, flat, long)["total"] == "151.80"
    values = ",".join(["0.5"] * 24)
    days = "".join(f"300,202606{day:02},{values},A,,,20260705120000,\n" for day in range(1, 31))
    nem = "100,NEM12,202607051200,MDP,RET\n200,6001,E1,E1,E1,,M1,kWh,60,\n" + days + "900\n"
    assert quoted(command, flat, write_file(tmp_path / "nem.csv", nem))["total"] == "151.80"
    wide = "meter_point,channel,unit,date,quality," + ",".join(f"v{slot}" for slot in range(1, 25)) + "\n"
    wide += "".join(f"E1,E1,kWh,2026-06-{day:02},A,{values}\n" for day in range(1, 31))
    assert quoted(command, flat, write_file(tmp_path / "wide.csv", wide))["total"] == "151.80"


def test_a_meter_point_is_chosen_among_several_also_in_a_zip(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    header = "meter_point,channel,unit,start,value,quality,updated_at\n"
    text = header + hourly("A", JUNE, JULY, "0.500") + hourly("B", JUNE, JULY, "0.250")
    # B: 180 kWh, 54.00 and 30.00, tax 8.40.
    path = write_file(tmp_path / "both.csv", text)
    sheet = quoted(command, flat, path, "--meter-point", "B")
    assert (sheet["total"], sheet["reads"]["rejected"]) == ("92.40", 0)
    assert "expected meter point `C`, found A, B" in refused(command, flat, path, "--meter-point", "C")
    archive = tmp_path / "both.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.csv", header + hourly("A", JUNE, JULY, "0.500"))
    assert quoted(command, flat, archive)["total"] == "151.80"
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("b.csv", header + hourly("B", JUNE, JULY, "0.250"))
    assert "expected one meter point, found 2: A, B" in refused(command, flat, archive)
    assert quoted(command, flat, archive, "--meter-point", "B")["total"] == "92.40"


def test_a_stated_power_is_the_mean_of_its_interval(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    # 2 kW in each half hour of June are 1,440 kWh.
    starts = pl.datetime_range(datetime(2026, 6, 1), datetime(2026, 7, 1), "30m", closed="left", eager=True)
    lines = [f"{start:%Y-%m-%dT%H:%M:%S+10:00},2,kW" for start in starts.to_list()]
    reads = write_file(tmp_path / "power.csv", "start,value,unit\n" + "\n".join(lines) + "\n")
    assert quoted(command, flat, reads)["months"][0]["lines"][0]["quantity"] == "1440"


def test_register_readings_are_priced_over_an_exchange(command: CommandLine, tmp_path: Path) -> None:
    # 30 m3 on the old meter, 20 on the new one: 50 x 2.00 = 100.00; 30 x 0.10 = 3.00; 10.30.
    header = "meter_point,channel,meter,unit,read_date,reading,kind,quality\n"
    reads = header + (
        "W1,W,MA,m3,2026-06-01,100.000,regular,A\nW1,W,MA,m3,2026-06-16,130.000,removal,A\n"
        "W1,W,MB,m3,2026-06-16,0.000,install,A\nW1,W,MB,m3,2026-07-01,20.000,regular,A\n"
    )
    sheet = quoted(command, write_file(tmp_path / "water.toml", WATER), write_file(tmp_path / "water.csv", reads))
    assert (sheet["total"], amounts(sheet["months"][0])["energy"]) == ("113.30", "100.00")


SIZED = FLAT.replace(
    "[[versions]]",
    '[attributes]\nsize = { values = ["small", "large"] }\nunits = {}\n'
    '[factors]\nclause = { series = "fuel" }\n[[versions]]',
).replace(
    "[versions.charges.supply]\nper = \"day\"\nprice = 1.00",
    '[versions.charges.rent]\nper = "month"\nlookup = "size"\nprice = { small = 5, large = 9 }\ntimes = "units"\n'
    '[versions.charges.fuel]\namount = "kwh * clause"\n[versions.charges.supply]\nper = "day"\nprice = 1.00',
)  # fmt: skip


def test_attributes_and_factors_are_given_by_name(command: CommandLine, tmp_path: Path) -> None:
    # Two units of a large size: 18.00; 360 kWh x 0.02 = 7.20.
    tariff = write_file(tmp_path / "sized.toml", SIZED)
    reads = write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5")
    given = ("--attribute", "size=large", "--attribute", "units=2", "--factor", "clause=0.02")
    month = quoted(command, tariff, reads, *given)["months"][0]
    assert (amounts(month)["rent"], amounts(month)["fuel"]) == ("18.00", "7.20")
    assert quoted(command, tariff, reads, *given[:-1], "fuel=0.02")["months"][0] == month
    parked = quoted(command, tariff, reads, *given[2:], code=3)["months"][0]["parked"]
    assert parked["reason"] == "attribute_missing"


def test_prices_of_a_day_hold_on_all_days(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    reads = write_curve(tmp_path / "old.csv", date(2018, 6, 1), date(2018, 7, 1), "0.5")
    parked = quoted(command, flat, reads, code=3)["months"][0]["parked"]
    assert parked["reason"] == "no_tariff_version"
    assert quoted(command, flat, reads, "--prices-of", "2026-06-01")["total"] == "151.80"


def test_a_tariff_of_the_workspace_is_quoted_once_it_is_approved(tmp_path: Path, flat: Path) -> None:
    command = CommandLine(tmp_path / "books")
    command.done("init", command.workspace)
    command.done("tariff", "add", flat, "--by", "ops")
    reads = write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5")
    ended = command("tariff", "quote", "flat", "--reads", reads)
    assert ended.code == 2
    assert "tariff `flat`: expected a tariff with an approved version, found none" in ended.err
    add_tariffs(command, flat)
    assert quoted(command, "flat", reads)["total"] == "151.80"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", (), "expected meter reads, or a load curve (start,value), found ``"),
        ("100,NEM12,202607051200,MDP,RET\n900\n", (), "expected days (300 records), found none"),
        ("100,NEM12,202607051200,MDP,RET\n200\n200,6001\n300,20260601,1\n900\n", (), "expected intervals of 5, 10"),
        ("meter_point,channel,unit,start,value,quality\n", (), "expected reads below the header"),
        ("meter_point,channel,meter,unit,read_date,reading,kind,quality\nW,1,M,kWh,2026-06-01,1,regular,A\n", (),
         "two readings are needed to know a use"),
        ("1.0\n2.0\n", (), "holds numbers without times: expected the year that they are of"),
        ("1.0\n2.0\n", ("--year", 2026), "expected a number for each interval of 2026"),
        ("a,b\n1,2\n", (), "expected meter reads, or a load curve (start,value), found `a,b`"),
        ("start,value\n2026-06-01 00:00,1\n", (), "expected intervals of 5, 10, 15, 30, 60 minutes, found one time"),
        ("start,value\n2026-06-01,1\n2026-06-02,1\n", (), "minutes, found 1440 minutes"),
        ("start,value,unit\n2026-06-01 00:00,1,m3\n2026-06-01 01:00,1,m3\n", (),
         "expected a unit of electricity (kWh, kvarh, or a multiple), found `m3`"),
        ("start,value\n2026-06-01 00:00,x\n2026-06-01 01:00,y\n", (), "expected a decimal number"),
        ("start,value\n2026-06-01 00:00,1\n2026-06-01 01:00,1\n", ("--zone", "Mars/North"), "zone `Mars/North`"),
        ("start,value\n2026-06-01 00:00,1\n2026-06-01 01:00,1\n", ("--attribute", "size"), "expected NAME=VALUE"),
        ("start,value\n2026-06-01 00:00,1\n2026-06-01 01:00,1\n", ("--attribute", "size=1"),
         "expected an attribute that a tariff asks for, found `size`"),
        ("start,value\n2026-06-01 00:00,1\n2026-06-01 01:00,1\n", ("--factor", "fuel=1"),
         "expected a dated factor that a tariff uses, found `fuel`"),
        ("start,value\n2026-06-01 00:00,1\n2026-06-01 01:00,1\n", ("--from", "2026-07-01"), "expected --from before"),
        ("meter_point,channel,unit,start,value,quality\nA,E1,kWh,2026-06-01T00:00:00+10:00,1,A\n"
         "B,E1,kWh,2026-06-01T00:00:00+10:00,1,A\n", (), "expected one meter point, found 2: A, B"),
    ],
)  # fmt: skip
def test_what_cannot_be_quoted_says_why(
    command: CommandLine, flat: Path, tmp_path: Path, text: str, options: tuple[object, ...], message: str
) -> None:
    assert message in refused(command, flat, write_file(tmp_path / "load.csv", text), *options)


def test_a_folder_of_no_file_is_refused(command: CommandLine, flat: Path, tmp_path: Path) -> None:
    assert "missing.csv" in refused(command, flat, tmp_path / "missing.csv")
