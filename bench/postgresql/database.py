# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database that is measured: an accounting one, with one large table, several middling ones and small ones."""

from __future__ import annotations

from development.services.postgresql import PostgresqlServer

NAME = "contable"
# About this many bytes of tables and indexes for each of the units that the script counts in.
BYTES_PER_UNIT = 1110
# Names, amounts and texts that compress about as real ones do: words from a vocabulary, digits, some noise.
_SCRIPT = """
CREATE TABLE vocabulario (id int PRIMARY KEY, palabra text NOT NULL);
INSERT INTO vocabulario SELECT i, left(md5((i * 7919)::text), 3 + i % 9) FROM generate_series(0, 4095) i;
-- Phrases of seven words, of which every text is made.
CREATE TABLE frase (id int PRIMARY KEY, texto text NOT NULL);
INSERT INTO frase SELECT i, (SELECT string_agg(palabra, ' ') FROM generate_series(1, 7) n
    JOIN vocabulario v ON v.id = abs(hashint8(i * 31 + n)) % 4096) FROM generate_series(0, 20000) i;
CREATE TABLE cliente (
    id int PRIMARY KEY, documento text NOT NULL, nombre text NOT NULL, correo text, creado timestamptz NOT NULL
);
INSERT INTO cliente SELECT i, 10000000 + i * 37, left(f.texto, 25), 'c' || i || '@ejemplo.co',
    '2020-01-01'::timestamptz + i * interval '7 min'
    FROM generate_series(1, {units} / 40) i JOIN frase f ON f.id = i * 7 % 20001;
CREATE TABLE cuenta (
    id int PRIMARY KEY, cliente int NOT NULL, tipo char(3) NOT NULL, saldo numeric(18, 2) NOT NULL,
    abierta date NOT NULL
);
INSERT INTO cuenta SELECT i, 1 + i % ({units} / 40), 'AHO', (hashint4(i) % 100000000) / 100.0,
    '2020-01-01'::date + i % 2000
    FROM generate_series(1, {units} / 15) i;
CREATE TABLE movimiento (
    id bigint PRIMARY KEY, cuenta int NOT NULL, momento timestamptz NOT NULL, valor numeric(18, 2) NOT NULL,
    concepto text NOT NULL, referencia text
);
INSERT INTO movimiento SELECT i, 1 + abs(hashint8(i)) % ({units} / 15), '2024-01-01'::timestamptz + i * interval '11 s',
    (hashint8(i * 3) % 10000000) / 100.0,
    v.palabra || ' ' || w.palabra || ' ' || (i % 977), CASE WHEN i % 3 = 0 THEN md5(i::text) END
    FROM generate_series(1, {units} * 4) i
    JOIN vocabulario v ON v.id = i % 4093 JOIN vocabulario w ON w.id = i % 89;
CREATE TABLE documento (
    id int PRIMARY KEY, cuenta int NOT NULL, contenido jsonb NOT NULL, texto text NOT NULL
);
INSERT INTO documento SELECT i, 1 + i % ({units} / 15),
    jsonb_build_object('numero', i, 'estado', i % 5, 'nota', f.texto),
    concat_ws(', ', g.texto, i, h.texto, i * 7, j.texto, k.texto, i % 1009, l.texto)
    FROM generate_series(1, {units} / 4) i
    JOIN frase f ON f.id = i % 20001 JOIN frase g ON g.id = i::bigint * 7919 % 20001
    JOIN frase h ON h.id = i::bigint * 104729 % 20001 JOIN frase j ON j.id = i::bigint * 611953 % 20001
    JOIN frase k ON k.id = i::bigint * 3571 % 20001 JOIN frase l ON l.id = i::bigint * 15485863 % 20001;
CREATE TABLE auditoria (
    id bigint PRIMARY KEY, momento timestamptz NOT NULL, usuario text NOT NULL, accion text NOT NULL, detalle text
);
INSERT INTO auditoria SELECT i, '2024-01-01'::timestamptz + i * interval '17 s', 'u' || i % 120,
    (ARRAY['crear', 'leer', 'cambiar', 'borrar'])[1 + i % 4], repeat(v.palabra || '=' || i || ' ', 6)
    FROM generate_series(1, {units}) i JOIN vocabulario v ON v.id = i % 4091;
CREATE TABLE anexo (id int PRIMARY KEY, documento int NOT NULL, nombre text NOT NULL, contenido bytea NOT NULL);
INSERT INTO anexo SELECT i, 1 + i % ({units} / 4), 'anexo-' || i || '.pdf',
    decode((SELECT string_agg(md5((i * 1000 + n)::text), '') FROM generate_series(1, 120) n), 'hex')
    FROM generate_series(1, {units} / 30) i;
CREATE INDEX ON cliente (nombre);
CREATE UNIQUE INDEX ON cliente (documento);
CREATE INDEX ON cuenta (cliente);
CREATE INDEX ON movimiento (cuenta, momento);
CREATE INDEX ON movimiento (momento);
CREATE INDEX ON documento (cuenta);
CREATE INDEX ON auditoria (momento);
CREATE INDEX ON auditoria (usuario, accion);
ALTER TABLE cuenta ADD FOREIGN KEY (cliente) REFERENCES cliente;
ALTER TABLE movimiento ADD FOREIGN KEY (cuenta) REFERENCES cuenta;
ALTER TABLE documento ADD FOREIGN KEY (cuenta) REFERENCES cuenta;
ALTER TABLE anexo ADD FOREIGN KEY (documento) REFERENCES documento;
DROP TABLE frase;
"""


def create(server: PostgresqlServer, size: int) -> int:
    """Makes the database.

    :param size: wanted, bytes of tables and indexes.
    :returns: what it came to.
    """
    server.psql(f"CREATE DATABASE {NAME}")
    server.psql(_SCRIPT.format(units=max(1000, size // BYTES_PER_UNIT)), NAME, timeout=1800)
    server.psql("VACUUM ANALYZE", NAME, timeout=1800)
    server.psql("CHECKPOINT")
    return int(server.psql(f"SELECT pg_database_size('{NAME}')"))
