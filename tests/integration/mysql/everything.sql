-- Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- One of everything that MySQL knows, in a small accounting database.

SET cte_max_recursion_depth = 10000;

CREATE TABLE cuenta (
  codigo varchar(12) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL PRIMARY KEY COMMENT 'PUC, con "comillas" y `tildes` áé',
  nombre varchar(100) NOT NULL,
  padre varchar(12) CHARACTER SET latin1 COLLATE latin1_bin,
  UNIQUE KEY (nombre),
  CONSTRAINT en_circulo FOREIGN KEY (padre) REFERENCES cuenta (codigo) ON UPDATE CASCADE
) COMMENT = 'Plan de cuentas';
SET foreign_key_checks = 0;
INSERT INTO cuenta VALUES ('1', 'Activo', '9'), ('9', 'Cuentas de orden', '1'), ('NULL', 'NULL', NULL), (0xF1, 'Eñe en latin1', '1');
SET foreign_key_checks = 1;

CREATE TABLE asiento (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  cuenta varchar(12) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,
  fecha date NOT NULL,
  texto varchar(200),
  debe decimal(18,2) NOT NULL DEFAULT 0,
  haber decimal(18,2) NOT NULL DEFAULT 0,
  saldo decimal(18,2) GENERATED ALWAYS AS (debe - haber) STORED,
  mes int GENERATED ALWAYS AS (year(fecha) * 100 + month(fecha)) VIRTUAL,
  secreto varchar(20) INVISIBLE DEFAULT 'invisible',
  KEY (mes), KEY texto (texto(20)), FULLTEXT KEY palabras (texto),
  CONSTRAINT no_ambos CHECK (debe = 0 OR haber = 0),
  FOREIGN KEY (cuenta) REFERENCES cuenta (codigo)
) AUTO_INCREMENT = 5000;
INSERT INTO asiento (id, cuenta, fecha, texto, debe, haber)
  SELECT seq, IF(seq % 2, '1', '9'), '2026-01-01' + INTERVAL seq % 300 DAY, CONCAT('Asiento ', seq, ' niño 😀'),
    IF(seq % 2, seq / 7, 0), IF(seq % 2, 0, seq / 7) FROM (WITH RECURSIVE c AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM c WHERE seq < 3000) SELECT * FROM c) n;

CREATE TABLE tipos (
  id int PRIMARY KEY,
  b1 bit(1), b64 bit(64), t tinyint, tu tinyint unsigned, s smallint, m mediumint, i int unsigned zerofill, g bigint, gu bigint unsigned,
  d decimal(65,30), f float, df double, y year, da date, ti time(6), dt datetime(6), ts timestamp(6) NULL,
  c char(10), vc varchar(300), bi binary(5), vb varbinary(300), tt tinytext, te text, mt mediumtext, lt longtext,
  tb tinyblob, bl blob, mb mediumblob, lb longblob, e enum('', 'NULL', 'a,b', '1', 'ñ'), sin_vacio enum('a'), st set('x', 'y', 'NULL'), js json,
  ge geometry, po point SRID 4326, ve vector(3),
  l1 varchar(50) CHARACTER SET latin1, u16 varchar(50) CHARACTER SET utf16, u2 varchar(50) CHARACTER SET ucs2,
  gbk varchar(50) CHARACTER SET gbk, sj varchar(50) CHARACTER SET sjis, bin json INVISIBLE
);
SET sql_mode = '';
INSERT INTO tipos (id) VALUES (1);
INSERT INTO tipos VALUES (2, b'1', x'FFFFFFFFFFFFFFFF', -128, 255, -32768, -8388608, 42, -9223372036854775808, 18446744073709551615,
  '-99999999999999999999999999999999999.999999999999999999999999999999', 16777217, 1.7976931348623157e308, 1901, '9999-12-31',
  '-838:59:59.999999', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999',
  'NULL', 'NULL', x'0001020304', x'00', '', '\\N', '\t\n\r\\\0\Z''"', REPEAT('ñ😀\t', 1000),
  'NULL', x'01', x'0101', x'014E554C4C01', 'NULL', 'a', 'x,NULL', '{"a": [null, 1.5, "\\u00f1"]}',
  ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))', 3857), ST_GeomFromText('POINT(4.0847 -76.1954)', 4326),
  STRING_TO_VECTOR('[1, -2.5, 3e-20]'),
  'ñandú', 'NULL 😀', 'ñ', '漢字\\', 'ソ能表');
INSERT INTO tipos VALUES (3, b'0', b'1', 127, 0, 32767, 8388607, 4294967295, 9223372036854775807, 0,
  '0.000000000000000000000000000001', 1.17549435e-38, 2.2250738585072014e-308, 2155, '0000-00-00',
  '838:59:59', '0000-00-00 00:00:00', '1970-01-01 00:00:01', '', '', x'0000000000', x'', ' ', '  ', 'N', 'NUL',
  x'FF', x'0A', x'090A0D5C00', REPEAT(x'00', 100000), '', 'no existe', '', '[]', ST_GeomFromText('POINT(0 0)'), ST_GeomFromText('POINT(0 0)', 4326),
  STRING_TO_VECTOR('[0, 0, 0]'), x'01', '', '', '', '');
INSERT INTO tipos (id, da, dt, f, df, e, vc, te, mb) VALUES (4, '2026-02-00', '2026-00-15 10:00:00', 0.1, 0.1, 'no existe',
  'NULLO', 'NULL\n', x'01'), (5, NULL, NULL, -3.4028234e38, -0.0, 2, 'null', CONCAT('N', 'ULL'), NULL),
  (6, NULL, NULL, 123456.789, 5e-324, 4, CONCAT(x'01', 'NULL'), REPEAT('a', 60000), REPEAT(x'4E554C4C', 250000));
SET sql_mode = DEFAULT;

CREATE TABLE `Nombre raro: ñ "x" ``y`` \n'` (`columna rara: ``ñ``, "a"` int PRIMARY KEY, `select` text);
INSERT INTO `Nombre raro: ñ "x" ``y`` \n'` VALUES (1, 'uno'), (2, NULL);

CREATE TABLE partes (id int NOT NULL, anio int NOT NULL, v varchar(20), PRIMARY KEY (id, anio))
  PARTITION BY RANGE (anio) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
  (PARTITION p2025 VALUES LESS THAN (2026), PARTITION resto VALUES LESS THAN MAXVALUE);
INSERT INTO partes SELECT seq, 2024 + seq % 4, CONCAT('v', seq) FROM (WITH RECURSIVE c AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM c WHERE seq < 200) SELECT * FROM c) n;

CREATE TABLE calculada (id int PRIMARY KEY, v json, n int GENERATED ALWAYS AS (v->>'$.n') STORED INVISIBLE,
  d varchar(50) DEFAULT (CONCAT('x', UUID())), KEY funcional ((n + 1)), KEY muchos ((CAST(v->'$.z' AS UNSIGNED ARRAY))));
INSERT INTO calculada (id, v, d) VALUES (1, '{"n": 5, "z": [1, 2]}', 'uno'), (2, NULL, NULL);

CREATE TABLE sin_llave_visible (my_row_id bigint unsigned NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, v int);
INSERT INTO sin_llave_visible (v) VALUES (1), (2);

CREATE TABLE comprobada (id int PRIMARY KEY, v int, CONSTRAINT sin_efecto CHECK (v > 100) NOT ENFORCED, KEY oculta (v) INVISIBLE,
  KEY al_reves (v DESC));
INSERT INTO comprobada VALUES (1, 1);

CREATE TABLE vacia (id int, d datetime DEFAULT current_timestamp() ON UPDATE current_timestamp());
CREATE TABLE sin_clave (a int, b varchar(10));
INSERT INTO sin_clave VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
CREATE TABLE apretada (id int PRIMARY KEY, t text) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8;
INSERT INTO apretada SELECT seq, REPEAT('z', 200) FROM (WITH RECURSIVE c AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM c WHERE seq < 100) SELECT * FROM c) n;
CREATE TABLE cero (id int AUTO_INCREMENT PRIMARY KEY, v int);
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO cero VALUES (0, 0), (7, 7);
SET sql_mode = DEFAULT;

DELIMITER //
CREATE DEFINER = app@localhost FUNCTION iva(valor decimal(18,2)) RETURNS decimal(18,2) DETERMINISTIC COMMENT 'Impuesto; 19 %'
BEGIN
  -- Un apóstrofo suelto: it's, y un ; en medio
  RETURN ROUND(valor * 0.19, 2);
END//
CREATE PROCEDURE cerrar(IN mes int, OUT total decimal(18,2)) SQL SECURITY INVOKER
BEGIN
  DECLARE x int DEFAULT 1;
  SELECT SUM(debe) INTO total FROM asiento WHERE asiento.mes = mes;
  IF total IS NULL THEN SET total = 0; END IF;
END//
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'//
CREATE FUNCTION "otro modo"() RETURNS varchar(20) DETERMINISTIC RETURN CONCAT('\', (SELECT COUNT(*) FROM "cuenta"))//
SET sql_mode = DEFAULT//
SET NAMES utf8mb4 COLLATE utf8mb4_bin//
CREATE TRIGGER auditar BEFORE INSERT ON asiento FOR EACH ROW
BEGIN
  IF NEW.texto = 'DISPARADOR' THEN SET NEW.texto = CONCAT('visto; ', NEW.texto); END IF;
END//
CREATE TRIGGER otro BEFORE INSERT ON asiento FOR EACH ROW FOLLOWS auditar SET NEW.secreto = COALESCE(NEW.secreto, iva(1))//
CREATE TRIGGER al_borrar AFTER DELETE ON sin_clave FOR EACH ROW DELETE FROM vacia//
CREATE EVENT limpieza ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE
  COMMENT 'Anual' DO BEGIN DELETE FROM vacia; DELETE FROM vacia; END//
CREATE EVENT activa ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DO DELETE FROM vacia//
DELIMITER ;

-- In an order in which they cannot be made again: each needs the one after it.
CREATE VIEW z_base AS SELECT id, cuenta, debe, iva(debe) AS iva, 'un `texto`.con "todo"' AS t FROM asiento;
CREATE ALGORITHM = MERGE DEFINER = app@localhost SQL SECURITY INVOKER VIEW a_sobre_z AS SELECT * FROM z_base WHERE id < 10 WITH CASCADED CHECK OPTION;
CREATE VIEW con_unicode AS SELECT 'ñ😀' AS `columna ñ`, (SELECT COUNT(*) FROM cuenta) AS n;
