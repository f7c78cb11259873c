# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make what one server of a scenario has, as root on that server.

``make_data.py accounts NAME FILE`` makes what its administrator does before anything is restored: the accounts by which
its databases are backed up and restored (FILE holds their password, and is removed), and the help desk's directory.
``make_data.py data NAME`` makes its databases and files.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROWS = 20_000
HELP_DESK = Path("/srv/mesa/mesa.db")
DATABASES = {"srv-financiero": "contabilidad", "srv-misional": "cartera"}
SCHEMA = """
CREATE ROLE contadora NOLOGIN;
CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8';
\\connect {database}
CREATE TABLE tercero (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, nombre text NOT NULL UNIQUE);
CREATE TABLE asiento (
  id bigserial, tercero integer NOT NULL REFERENCES tercero, fecha date NOT NULL,
  valor numeric(14, 2) NOT NULL CHECK (valor <> 0),
  detalle text, PRIMARY KEY (id, fecha)
) PARTITION BY RANGE (fecha);
CREATE TABLE asiento_2025 PARTITION OF asiento FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE asiento_2026 PARTITION OF asiento FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON asiento (tercero, fecha);
INSERT INTO tercero (nombre) SELECT 'Tercero «' || n || '» Ñ' FROM generate_series(1, 500) n;
INSERT INTO asiento (tercero, fecha, valor, detalle)
  SELECT 1 + n % 500, date '2025-01-01' + n % 700, n * 1.37, repeat(md5(n::text), 3) FROM generate_series(1, {rows}) n;
CREATE VIEW saldo AS SELECT tercero, sum(valor) AS valor FROM asiento GROUP BY tercero;
GRANT SELECT ON saldo TO contadora;
COMMENT ON TABLE asiento IS 'Asientos contables';
SELECT lo_from_bytea(0, decode(repeat('c0ffee', 5000), 'hex'));
"""

MARIADB_DATABASES = {"srv-financiero": "nomina", "srv-misional": "tesoreria"}
MARIADB_SCHEMA = """
CREATE USER liquidador@localhost IDENTIFIED BY 'otra';
CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_spanish_ci;
GRANT SELECT, INSERT, EXECUTE ON {database}.* TO liquidador@localhost;
USE {database};
CREATE SEQUENCE consecutivo START WITH 1000;
CREATE TABLE empleado (id int PRIMARY KEY, nombre varchar(100) NOT NULL UNIQUE, tasa float) WITH SYSTEM VERSIONING;
CREATE TABLE pago (id bigint DEFAULT NEXTVAL(consecutivo) PRIMARY KEY, empleado int NOT NULL, fecha date NOT NULL,
  valor decimal(14,2) NOT NULL CHECK (valor <> 0), detalle text, FOREIGN KEY (empleado) REFERENCES empleado (id));
INSERT INTO empleado SELECT seq, CONCAT('Empleado «', seq, '» Ñ'), seq * 16777.217 FROM seq_1_to_500;
UPDATE empleado SET tasa = tasa + 1 WHERE id < 50;
INSERT INTO pago (empleado, fecha, valor, detalle)
  SELECT 1 + seq % 500, '2025-01-01' + INTERVAL seq % 700 DAY, seq * 1.37, REPEAT(MD5(seq), 3) FROM seq_1_to_{rows};
CREATE DEFINER = liquidador@localhost FUNCTION neto(v decimal(14,2)) RETURNS decimal(14,2) DETERMINISTIC
  RETURN v * 0.92;
CREATE VIEW netos AS SELECT empleado, SUM(neto(valor)) AS valor FROM pago GROUP BY empleado;
CREATE TRIGGER `sin_detalle` BEFORE INSERT ON `pago` FOR EACH ROW SET NEW.detalle = COALESCE(NEW.detalle, '-');
CREATE EVENT limpieza ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DO DELETE FROM pago WHERE id < 0;
"""


def psql(sql: str) -> None:
    """Run SQL as the administrator of PostgreSQL."""
    argv = ["runuser", "-u", "postgres", "--", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    subprocess.run(argv, input=sql, text=True, check=True, cwd="/", stdout=subprocess.DEVNULL)


def mariadb(sql: str) -> None:
    """Run SQL as the administrator of MariaDB."""
    subprocess.run(["mariadb", "--default-character-set=utf8mb4"], input=sql, text=True, check=True)


def make_accounts(password_file: Path) -> None:
    """Make the account of each database server that backups and restores may use over TCP."""
    password = password_file.read_text()
    psql(f"CREATE ROLE copias SUPERUSER LOGIN PASSWORD '{password}'")
    mariadb(
        f"CREATE USER copias@localhost IDENTIFIED BY '{password}';"
        "GRANT ALL ON *.* TO copias@localhost WITH GRANT OPTION;"
    )
    password_file.unlink()


def make_sqlite(path: Path) -> None:
    """Make a SQLite database in WAL mode."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE ticket (id INTEGER PRIMARY KEY, asunto TEXT NOT NULL, adjunto BLOB)")
    rows = ((f"Asunto {number} ¿sí?", os.urandom(64)) for number in range(ROWS))
    connection.executemany("INSERT INTO ticket (asunto, adjunto) VALUES (?, ?)", rows)
    connection.commit()
    connection.close()


def make_files(root: Path) -> None:
    """Make a tree with owners, modes, links, attributes and odd names."""
    for number in range(200):
        home = root / f"usuario{number % 10}" / "Año 2026"
        home.mkdir(parents=True, exist_ok=True)
        path = home / f"informe {number}.txt"
        path.write_bytes(os.urandom(1000 + number))
        path.chmod(0o600 if number % 2 else 0o644)
        os.chown(path, 2000 + number % 10, 2000)
    home = root / "usuario0"
    with open(os.path.join(os.fsencode(home), b"nombre \xff\n con salto"), "wb") as stream:
        stream.write(b"latin-1")
    with open(home / "disperso", "wb") as stream:
        stream.truncate(10_000_000)
    (home / "enlace").symlink_to("Año 2026/informe 0.txt")
    os.link(home / "Año 2026/informe 0.txt", home / "la misma")
    os.setxattr(home / "disperso", "user.clasificacion", b"reservado")
    home.chmod(0o2750)
    os.utime(root / "usuario1", ns=(1, 1_600_000_000_123_456_789))


def make_data(name: str) -> None:
    """Make databases with all that is hard to restore, and files with owners, links and odd names."""
    psql(SCHEMA.format(database=DATABASES[name], rows=ROWS))
    mariadb(MARIADB_SCHEMA.format(database=MARIADB_DATABASES[name], rows=ROWS))
    if name == "srv-misional":
        make_sqlite(HELP_DESK)
    make_files(Path("/srv/usuarios"))


def main() -> None:
    """Entry point."""
    what, name, *rest = sys.argv[1:]
    if what == "accounts":
        make_accounts(Path(rest[0]))
        HELP_DESK.parent.mkdir()
    else:
        make_data(name)


if __name__ == "__main__":
    main()
