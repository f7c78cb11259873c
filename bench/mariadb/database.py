# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database that is measured: an accounting one, with one large table, several middling ones and small ones."""

from __future__ import annotations

from development.services.mariadb import MariadbServer

NAME = "contable"
ONE_TABLE = "una_tabla"
# About this many bytes of tables and indexes for each of the units that the script counts in.
BYTES_PER_UNIT = 930
# Names, amounts and texts that compress about as real ones do: words from a vocabulary, digits, some noise.
_SCRIPT = """
CREATE TABLE vocabulario (id int PRIMARY KEY, palabra varchar(20) NOT NULL);
INSERT INTO vocabulario SELECT seq, LEFT(MD5(seq * 7919), 3 + seq % 9) FROM seq_0_to_4095;
-- Phrases of seven words, of which every text is made.
CREATE TABLE frase (id int PRIMARY KEY, texto varchar(200) NOT NULL);
INSERT INTO frase SELECT f.seq, GROUP_CONCAT(v.palabra SEPARATOR ' ')
    FROM seq_0_to_20000 f JOIN seq_1_to_7 n JOIN vocabulario v ON v.id = CRC32(f.seq * 31 + n.seq) % 4096
    GROUP BY f.seq;
CREATE TABLE cliente (
    id int PRIMARY KEY, documento bigint NOT NULL, nombre varchar(60) NOT NULL, correo varchar(60),
    creado datetime(6) NOT NULL
);
INSERT INTO cliente SELECT seq, 10000000 + seq * 37, LEFT(f.texto, 25), CONCAT('c', seq, '@ejemplo.co'),
    '2020-01-01' + INTERVAL seq * 7 MINUTE
    FROM seq_1_to_{fortieth} JOIN frase f ON f.id = seq * 7 % 20001;
CREATE TABLE cuenta (
    id int PRIMARY KEY, cliente int NOT NULL, tipo char(3) NOT NULL,
    saldo decimal(18, 2) NOT NULL, abierta date NOT NULL
);
INSERT INTO cuenta SELECT seq, 1 + seq % {fortieth}, 'AHO', CRC32(seq) % 100000000 / 100,
    '2020-01-01' + INTERVAL seq % 2000 DAY FROM seq_1_to_{fifteenth};
CREATE TABLE movimiento (
    id bigint PRIMARY KEY, cuenta int NOT NULL, momento datetime NOT NULL, valor decimal(18, 2) NOT NULL,
    concepto varchar(60) NOT NULL, referencia char(32)
);
INSERT INTO movimiento SELECT seq, 1 + CRC32(seq) % {fifteenth}, '2024-01-01' + INTERVAL seq * 11 SECOND,
    CRC32(seq * 3) % 10000000 / 100, CONCAT(v.palabra, ' ', w.palabra, ' ', seq % 977), IF(seq % 3 = 0, MD5(seq), NULL)
    FROM seq_1_to_{fourfold} JOIN vocabulario v ON v.id = seq % 4093 JOIN vocabulario w ON w.id = seq % 89;
CREATE TABLE documento (id int PRIMARY KEY, cuenta int NOT NULL, contenido json NOT NULL, texto text NOT NULL);
INSERT INTO documento SELECT seq, 1 + seq % {fifteenth},
    JSON_OBJECT('numero', seq, 'estado', seq % 5, 'nota', f.texto),
    CONCAT_WS(', ', g.texto, seq, h.texto, seq * 7, j.texto, k.texto, seq % 1009)
    FROM seq_1_to_{quarter} JOIN frase f ON f.id = seq % 20001 JOIN frase g ON g.id = seq * 7919 % 20001
    JOIN frase h ON h.id = seq * 104729 % 20001 JOIN frase j ON j.id = seq * 611953 % 20001
    JOIN frase k ON k.id = seq * 3571 % 20001;
CREATE TABLE auditoria (
    id bigint PRIMARY KEY, momento datetime NOT NULL, usuario varchar(30) NOT NULL, accion varchar(20) NOT NULL,
    detalle text
);
INSERT INTO auditoria SELECT seq, '2024-01-01' + INTERVAL seq * 17 SECOND, CONCAT('u', seq % 120),
    ELT(1 + seq % 4, 'crear', 'leer', 'cambiar', 'borrar'), REPEAT(CONCAT(v.palabra, '=', seq, ' '), 6)
    FROM seq_1_to_{units} JOIN vocabulario v ON v.id = seq % 4091;
CREATE TABLE anexo (
    id int PRIMARY KEY, documento int NOT NULL, nombre varchar(60) NOT NULL, contenido mediumblob NOT NULL
);
INSERT INTO anexo SELECT f.seq, 1 + f.seq % {quarter}, CONCAT('anexo-', f.seq, '.pdf'),
    (SELECT UNHEX(GROUP_CONCAT(SHA2(f.seq * 1000 + n.seq, 256) SEPARATOR '')) FROM seq_1_to_60 n)
    FROM seq_1_to_{thirtieth} f;
ALTER TABLE cliente ADD INDEX (nombre), ADD UNIQUE (documento);
ALTER TABLE cuenta ADD FOREIGN KEY (cliente) REFERENCES cliente (id);
ALTER TABLE movimiento ADD INDEX (cuenta, momento), ADD INDEX (momento),
    ADD FOREIGN KEY (cuenta) REFERENCES cuenta (id);
ALTER TABLE documento ADD FOREIGN KEY (cuenta) REFERENCES cuenta (id);
ALTER TABLE auditoria ADD INDEX (momento), ADD INDEX (usuario, accion);
ALTER TABLE anexo ADD FOREIGN KEY (documento) REFERENCES documento (id);
DROP TABLE frase;
"""


def create(server: MariadbServer, size: int) -> int:
    """Makes the database, and one that has a single large table of the same kind.

    :param size: wanted, bytes of tables and indexes.
    :returns: what it came to.
    """
    units = max(1000, size // BYTES_PER_UNIT)
    server.sql(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
    script = _SCRIPT.format(
        units=units,
        fourfold=units * 4,
        quarter=units // 4,
        fifteenth=units // 15,
        thirtieth=units // 30,
        fortieth=units // 40,
    )
    server.sql("SET SESSION foreign_key_checks = 0, unique_checks = 0, group_concat_max_len = 1000000;" + script, NAME)
    server.sql(
        f"CREATE DATABASE {ONE_TABLE} CHARACTER SET utf8mb4; CREATE TABLE {ONE_TABLE}.movimiento LIKE movimiento", NAME
    )
    server.sql(f"INSERT INTO {ONE_TABLE}.movimiento SELECT * FROM movimiento", NAME)
    tables = server.sql(
        "SELECT GROUP_CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA IN ('{NAME}', '{ONE_TABLE}')"
    )
    server.sql(f"ANALYZE TABLE {tables}")
    return size_of(server, NAME)


def size_of(server: MariadbServer, database: str) -> int:
    """Of tables and indexes, bytes."""
    return int(
        server.sql(
            f"SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}'"
        )
    )
