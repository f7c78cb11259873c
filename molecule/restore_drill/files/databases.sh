#!/bin/sh
# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a database that is hostile to whoever restores it, and one of another major version of PostgreSQL.
set -eu
cd /
runuser -u postgres -- createdb hostil
runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d hostil <<'SQL'
CREATE FUNCTION trampa() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $sql$COPY (SELECT 1) TO PROGRAM 'cat >/tmp/hostile-mark'$sql$;
  RETURN '';
END $$;
-- What an index calls says of itself that it changes nothing; what that calls is not looked at.
CREATE FUNCTION inocente() RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.trampa(); END';
CREATE TABLE cebo (id integer PRIMARY KEY);
INSERT INTO cebo VALUES (1);
CREATE INDEX con_trampa ON cebo ((id::text || public.inocente()));
SQL
# Where nothing confines it, it does what it wants: the proof that it could.
test -e /tmp/hostile-mark
pg_createcluster 15 main --start >/dev/null
runuser -u postgres -- createdb -p 5433 historico
runuser -u postgres -- psql -p 5433 -Xq -v ON_ERROR_STOP=1 -d historico -c 'CREATE TABLE asiento AS SELECT generate_series(1, 100) AS id'
