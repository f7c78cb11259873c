# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An accounting database such as a small public entity keeps: deterministic, balanced, and about nobody.

Amounts are whole centavos. Every voucher balances: the sum of its debits is the sum of its credits.
"""

from __future__ import annotations

import datetime
import random
import sqlite3
import typing as t
from pathlib import Path

SCHEMA = """
CREATE TABLE cuentas (
    codigo TEXT PRIMARY KEY,
    nombre TEXT NOT NULL,
    naturaleza TEXT NOT NULL CHECK (naturaleza IN ('débito', 'crédito'))
) WITHOUT ROWID;
CREATE TABLE terceros (
    id INTEGER PRIMARY KEY,
    nit TEXT NOT NULL UNIQUE,
    nombre TEXT NOT NULL,
    clase TEXT NOT NULL
);
CREATE TABLE comprobantes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tipo TEXT NOT NULL,
    numero INTEGER NOT NULL,
    fecha TEXT NOT NULL,
    tercero INTEGER NOT NULL REFERENCES terceros (id),
    concepto TEXT NOT NULL,
    soporte BLOB,
    UNIQUE (tipo, numero)
);
CREATE TABLE movimientos (
    comprobante INTEGER NOT NULL REFERENCES comprobantes (id) ON DELETE CASCADE,
    linea INTEGER NOT NULL,
    cuenta TEXT NOT NULL REFERENCES cuentas (codigo),
    debito INTEGER NOT NULL DEFAULT 0 CHECK (debito >= 0),
    credito INTEGER NOT NULL DEFAULT 0 CHECK (credito >= 0),
    PRIMARY KEY (comprobante, linea),
    CHECK ((debito = 0) <> (credito = 0))
);
CREATE INDEX movimientos_por_cuenta ON movimientos (cuenta, comprobante);
CREATE VIEW "balance de prueba" AS
    SELECT cuenta, SUM(debito) AS debitos, SUM(credito) AS creditos, SUM(debito - credito) AS saldo
    FROM movimientos GROUP BY cuenta;
CREATE TRIGGER movimientos_inmutables BEFORE UPDATE ON movimientos
BEGIN
    SELECT RAISE(ABORT, 'un movimiento contabilizado no se modifica');
END;
"""

# Code, name, nature: a few accounts of the public plan.
ACCOUNTS = (
    ("110502", "Caja menor", "débito"),
    ("111005", "Cuenta corriente", "débito"),
    ("111006", "Cuenta de ahorro", "débito"),
    ("131102", "Tasas por cobrar", "débito"),
    ("141507", "Préstamos de fomento y desarrollo", "débito"),
    ("166501", "Muebles y enseres", "débito"),
    ("240101", "Bienes y servicios por pagar", "crédito"),
    ("243690", "Otras retenciones en la fuente", "crédito"),
    ("251101", "Nómina por pagar", "crédito"),
    ("310501", "Capital fiscal", "crédito"),
    ("411502", "Rendimientos de préstamos", "crédito"),
    ("480232", "Rendimientos sobre depósitos", "crédito"),
    ("510101", "Sueldos", "débito"),
    ("511114", "Materiales y suministros", "débito"),
    ("511117", "Servicios públicos", "débito"),
    ("511179", "Honorarios", "débito"),
)
# Voucher type, concept, debit accounts, credit accounts.
_KINDS = (
    ("CE", "Pago a proveedor de papelería y útiles", ("240101",), ("111005", "243690")),
    ("CE", "Pago de energía, acueducto y teléfono", ("511117",), ("111006",)),
    ("CN", "Causación de nómina del período", ("510101",), ("251101", "243690")),
    ("CR", "Desembolso de préstamo de fomento", ("141507",), ("111005",)),
    ("CR", "Recaudo de cuota: capital e intereses", ("111005",), ("141507", "411502")),
    ("CC", "Causación de honorarios según contrato", ("511179",), ("240101", "243690")),
    ("CC", "Compra de muebles «sala de juntas»", ("166501",), ("240101",)),
    ("CI", "Rendimientos abonados por el banco", ("111006",), ("480232",)),
    ("CI", "Reintegro de caja menor — menor cuantía", ("110502", "511114"), ("111005",)),
)
_CLASSES = ("Proveedor", "Contratista", "Servidor público", "Beneficiario de préstamo", "Entidad financiera")


def make_accounting(path: Path, *, vouchers: int = 12_000, seed: int = 1966) -> sqlite3.Connection:
    """Make the database and return the connection, open as an accounting system keeps it: in WAL mode, in use.

    :param vouchers: how many; each brings two or three movements.
    """
    chooser = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(SCHEMA)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO cuentas VALUES (?, ?, ?)", ACCOUNTS)
    parties = max(20, vouchers // 20)
    connection.executemany("INSERT INTO terceros VALUES (?, ?, ?, ?)", _parties(parties))
    rows = _vouchers(chooser, vouchers, parties)
    connection.executemany("INSERT INTO comprobantes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO movimientos VALUES (?, ?, ?, ?, ?)", _movements(chooser, vouchers))
    connection.execute("COMMIT")
    return connection


def _parties(count: int) -> t.Iterator[tuple[int, str, str, str]]:
    for number in range(1, count + 1):
        kind = _CLASSES[number % len(_CLASSES)]
        yield number, f"9{number:08d}-{number % 10}", f"{kind} n.º {number:04d}", kind


def _kind_of(number: int) -> int:
    return (number * 7 + number // 11) % len(_KINDS)


def _vouchers(chooser: random.Random, count: int, parties: int) -> t.Iterator[tuple[t.Any, ...]]:
    first_day = datetime.date(2025, 1, 2)
    for number in range(1, count + 1):
        kind, concept = _KINDS[_kind_of(number)][:2]
        day = first_day + datetime.timedelta(days=number * 660 // count)
        evidence = chooser.randbytes(chooser.randrange(64, 2048)) if number % 50 == 0 else None
        yield number, kind, number, day.isoformat(), chooser.randrange(1, parties + 1), concept, evidence


def _movements(chooser: random.Random, count: int) -> t.Iterator[tuple[int, int, str, int, int]]:
    for number in range(1, count + 1):
        debited, credited = _KINDS[_kind_of(number)][2:]
        total = chooser.randrange(5_000_00, 90_000_000_00)
        line = 0
        for accounts, is_debit in ((debited, True), (credited, False)):
            rest = total
            for position, account in enumerate(accounts):
                amount = rest if position == len(accounts) - 1 else chooser.randrange(1, rest)
                rest -= amount
                line += 1
                yield number, line, account, amount if is_debit else 0, 0 if is_debit else amount


def read_everything(path: Path) -> dict[str, list[tuple[t.Any, ...]]]:
    """Every row of every table, and the schema, of a database file.

    :raises sqlite3.DatabaseError: when it is not whole.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{path}: {verdict}")
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        content = {
            table: sorted(connection.execute(f'SELECT * FROM "{table}"').fetchall(), key=repr)  # noqa: S608
            for table in tables
        }
        content["(schema)"] = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        return content
    finally:
        connection.close()


def unbalanced(path: Path) -> list[int]:
    """Return the vouchers whose debits are not their credits; there are none in a sound database."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        question = "SELECT comprobante FROM movimientos GROUP BY comprobante HAVING SUM(debito) <> SUM(credito)"
        return [number for (number,) in connection.execute(question)]
    finally:
        connection.close()
