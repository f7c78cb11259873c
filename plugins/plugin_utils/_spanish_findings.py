# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says of a run, in Spanish: targets, checks and what they found, counts, remarks and warnings."""

from __future__ import annotations

TARGETS = {
    "account {name} on {server}": "la cuenta {name} en {server}",
    "bucket {bucket} at AWS": "el depósito {bucket} en AWS",
    "bucket {bucket} at {server}": "el depósito {bucket} en {server}",
    "database {name} on {server}": "la base de datos {name} en {server}",
    "database {name} on {server} at {host}": "la base de datos {name} en {server} en {host}",
    "directory {path}": "el directorio {path}",
    "directory {path} on {host}, port {port}": "el directorio {path} en {host}, puerto {port}",
    "files {paths}": "los archivos {paths}",
    "files {paths} and {number} more": "los archivos {paths} y {number} más",
    "role {name} on {server}": "el rol {name} en {server}",
    "SQLite database {path}": "la base de datos SQLite {path}",
    "SQLite databases {paths}": "las bases de datos SQLite {paths}",
    "SQLite databases {path} and {paths}": "las bases de datos SQLite {path} y {paths}",
}

# What else an error is about.
SUBJECTS = {
    "a payload file": "un archivo de la copia",
    "bucket {bucket}": "depósito {bucket}",
    "database {name}": "base de datos {name}",
    "engine {name}": "motor {name}",
    "interrupted restores": "restauraciones interrumpidas",
    "level {level}": "nivel {level}",
    "no database": "ninguna base de datos",
    "no name": "sin nombre",
    "no paths": "ninguna ruta",
    "no recipients": "ningún destinatario",
    "one of the recipients": "uno de los destinatarios",
    "schema {name}": "esquema {name}",
    "ssh to {host}": "ssh a {host}",
    "this run": "esta ejecución",
    "time {time}": "hora {time}",
    "{days} days": "{days} días",
    "{kind} with no options": "{kind} sin opciones",
    "{number} recipients": "{number} destinatarios",
    "{source} on directory {path}": "{source} en el directorio {path}",
    "{source} on directory {path} on {host}, port {port}": "{source} en el directorio {path} de {host}, puerto {port}",
    "{source} on bucket {bucket} at {server}": "{source} en el depósito {bucket} de {server}",
    "{source} from directory {path}": "{source} desde el directorio {path}",
    "{source} from bucket {bucket} at {server}": "{source} desde el depósito {bucket} de {server}",
    "{source} to directory {path}": "{source} hacia el directorio {path}",
    "{source} to bucket {bucket} at {server}": "{source} hacia el depósito {bucket} de {server}",
    "{source} from {text_origin} to {text_destination}": "{source} desde {text_origin} hacia {text_destination}",
}

CHECKS = {
    "application id": "identificador de la aplicación (application_id)",
    "auto vacuum": "limpieza automática (auto_vacuum)",
    "CHECK TABLE": "revisión de tablas (CHECK TABLE)",
    "constraints not validated": "restricciones sin validar",
    "content digests": "resúmenes del contenido",
    "encoding": "codificación",
    "extensions": "extensiones",
    "foreign key violations": "llaves foráneas incumplidas",
    "indexes": "índices",
    "integrity": "integridad",
    "large objects": "objetos grandes",
    "objects": "objetos",
    "page size": "tamaño de página",
    "pg_amcheck": "revisión de tablas e índices (pg_amcheck)",
    "programs": "programas",
    "row counts": "cantidad de filas",
    "rows": "filas",
    "rules broken": "reglas incumplidas",
    "sequences": "secuencias",
    "server": "servidor",
    "user version": "versión de la aplicación (user_version)",
    "{path}: content, modes and times": "{path}: contenido, permisos y fechas",
    "{path}: entries by type and bytes": "{path}: entradas por tipo y bytes",
    "{path}: no device nodes or sockets": "{path}: sin dispositivos ni sockets",
    "{path}: owners": "{path}: dueños",
    "{path}: owners in the archive": "{path}: dueños en el archivo tar",
}

# One count in a list of them: "4 indexes, 1 view".
COUNTS = {
    "{n} base table": "{n} tabla",
    "{n} base tables": "{n} tablas",
    "{n} byte": "{n} byte",
    "{n} bytes": "{n} bytes",
    "{n} check constraint": "{n} restricción CHECK",
    "{n} check constraints": "{n} restricciones CHECK",
    "{n} composite type": "{n} tipo compuesto",
    "{n} composite types": "{n} tipos compuestos",
    "{n} constraint trigger": "{n} disparador de restricción",
    "{n} constraint triggers": "{n} disparadores de restricción",
    "{n} directory": "{n} directorio",
    "{n} directories": "{n} directorios",
    "{n} event": "{n} evento",
    "{n} events": "{n} eventos",
    "{n} event trigger": "{n} disparador de eventos",
    "{n} event triggers": "{n} disparadores de eventos",
    "{n} exclusion constraint": "{n} restricción de exclusión",
    "{n} exclusion constraints": "{n} restricciones de exclusión",
    "{n} fifo": "{n} tubería con nombre",
    "{n} fifos": "{n} tuberías con nombre",
    "{n} file": "{n} archivo",
    "{n} files": "{n} archivos",
    "{n} foreign key": "{n} llave foránea",
    "{n} foreign keys": "{n} llaves foráneas",
    "{n} foreign table": "{n} tabla foránea",
    "{n} foreign tables": "{n} tablas foráneas",
    "{n} function": "{n} función",
    "{n} functions": "{n} funciones",
    "{n} grantee": "{n} beneficiario de permisos",
    "{n} grantees": "{n} beneficiarios de permisos",
    "{n} hard link": "{n} enlace duro",
    "{n} hard links": "{n} enlaces duros",
    "{n} index": "{n} índice",
    "{n} index column": "{n} columna de índices",
    "{n} index columns": "{n} columnas de índices",
    "{n} indexes": "{n} índices",
    "{n} large object": "{n} objeto grande",
    "{n} large objects": "{n} objetos grandes",
    "{n} materialized view": "{n} vista materializada",
    "{n} materialized views": "{n} vistas materializadas",
    "{n} member": "{n} miembro",
    "{n} members": "{n} miembros",
    "{n} owner": "{n} dueño",
    "{n} owners": "{n} dueños",
    "{n} partition": "{n} partición",
    "{n} partitions": "{n} particiones",
    "{n} partitioned table": "{n} tabla particionada",
    "{n} partitioned tables": "{n} tablas particionadas",
    "{n} policy": "{n} política",
    "{n} policies": "{n} políticas",
    "{n} primary key": "{n} llave primaria",
    "{n} primary keys": "{n} llaves primarias",
    "{n} procedure": "{n} procedimiento",
    "{n} procedures": "{n} procedimientos",
    "{n} publication": "{n} publicación",
    "{n} publications": "{n} publicaciones",
    "{n} row": "{n} fila",
    "{n} rows": "{n} filas",
    "{n} stored bytes": "{n} bytes guardados",
    "{n} entry": "{n} entrada",
    "{n} entries": "{n} entradas",
    "{n} schema": "{n} esquema",
    "{n} schemas": "{n} esquemas",
    "{n} sequence": "{n} secuencia",
    "{n} sequences": "{n} secuencias",
    "{n} symbolic link": "{n} enlace simbólico",
    "{n} symbolic links": "{n} enlaces simbólicos",
    "{n} system view": "{n} vista del sistema",
    "{n} system views": "{n} vistas del sistema",
    "{n} table": "{n} tabla",
    "{n} tables": "{n} tablas",
    "{n} trigger": "{n} disparador",
    "{n} triggers": "{n} disparadores",
    "{n} unique constraint": "{n} restricción de unicidad",
    "{n} unique constraints": "{n} restricciones de unicidad",
    "{n} view": "{n} vista",
    "{n} views": "{n} vistas",
}

FINDINGS = {
    # What a check found.
    "all valid": "todos válidos",
    "as in the set: none": "como en la copia: ninguno",
    "as in the set: {counts}": "como en la copia: {counts}",
    "every file is what the archive holds": "cada archivo es el del archivo tar",
    "every table and index is sound": "cada tabla y cada índice está bien",
    "invalid: {names}": "no son válidos: {names}",
    "it is damaged: {damage}": "está dañada: {damage}",
    "none": "ninguno",
    "not to be had on this host: left out": "no disponible en este equipo: no se hizo",
    "ok": "bien",
    "ok, as far as it can be examined here": "bien, hasta donde se puede examinar aquí",
    "the content differs in {names}": "el contenido difiere en {names}",
    "they could not be looked for": "no se pudieron buscar",
    "not as they were: {names}": "no son como eran: {names}",
    "{counts}, the set says {said}": "{counts}; la copia dice {said}",
    # What an audit found in the cloud.
    "some of its objects have delete markers, but still exist: {output_names}": (
        "algunos de sus objetos tienen marcas de borrado, pero siguen allí: {output_names}"
    ),
    "some of its objects have newer versions, which are ignored: {output_names}": (
        "algunos de sus objetos tienen versiones más nuevas, que no se tienen en cuenta: {output_names}"
    ),
    "there are foreign objects beside its own: {output_names}": (
        "hay objetos ajenos junto a los suyos: {output_names}"
    ),
    "there are more sets that {text_place} does not hold; they were not examined: {output_names}": (
        "hay más copias que no están en {text_place}; no se examinaron: {output_names}"
    ),
    "there are objects of an incomplete set: {output_names}": ("hay objetos de una copia incompleta: {output_names}"),
    "there are objects that belong to no set: {output_names}": (
        "hay objetos que no son de ninguna copia: {output_names}"
    ),
    "Every set of {text_place} was read there before.": ("Todo lo que hay en {text_place} ya se había leído allí."),
    "These sets of {text_place} were never read there: {output_names}.": (
        "En {text_place} hay copias que nunca se han leído allí: {output_names}."
    ),
    "there are sets that {text_place} does not hold and that have not been audited: {output_names}": (
        "hay copias que no están en {text_place} y que no se han auditado: {output_names}"
    ),
    "{output_found} instead of {expected}": "{output_found} en lugar de {expected}",
    "{name}: missing instead of {expected}": "{name}: falta, en lugar de {expected}",
    "{name}: {output_found} instead of none": "{name}: {output_found} en lugar de ninguno",
    "{name}: {output_found} instead of {expected}": "{name}: {output_found} en lugar de {expected}",
    "{name}: {found}, the set says {said}": "{name}: {found}; la copia dice {said}",
    "{name} is at {after} instead of {before}": "{name} está en {after} en lugar de {before}",
    "{name} is missing": "falta {name}",
    "{name} is not in the set": "{name} no está en la copia",
    "{number} are as they were": "{number} son como eran",
    "{number} found": "{number} en total",
    "{number} in what could be examined here": "{number} en lo que se pudo examinar aquí",
    "{number} sequences, none behind the snapshot": "{number} secuencias, ninguna atrasada",
    "{number} tables are sound": "{number} tablas están bien",
    "{number} tables hold exactly what was dumped": "{number} tablas contienen exactamente lo que se copió",
    "{product} {version}; the set is of {dumped}": "{product} {version}; la copia es de {dumped}",
    "{rows} in {tables} tables": "{rows} en {tables} tablas",
    "{rows} in {tables} tables; not counted here: {names}": "{rows} en {tables} tablas; no se contaron aquí: {names}",
    "{rows} rows in {tables} tables": "{rows} filas en {tables} tablas",
    "{text_found} and {number} more": "{text_found} y {number} más",
    "it holds no bytes, and {id} holds {count}": "no tiene ningún byte, y {id} tiene {count}",
    "it holds no entries, and {id} holds {count}": "no tiene ninguna entrada, y {id} tiene {count}",
    "it holds no files, and {id} holds {count}": "no tiene ningún archivo, y {id} tiene {count}",
    "it holds no rows, and {id} holds {count}": "no tiene ninguna fila, y {id} tiene {count}",
    "it holds no stored bytes, and {id} holds {count}": "no guarda ningún byte, y {id} tiene {count}",
    "it holds no tables, and {id} holds {count}": "no tiene ninguna tabla, y {id} tiene {count}",
    "it holds no {units}, and {id} holds {count}": "no tiene {units}, y {id} tiene {count}",
    "it holds {counts}, less than {fraction} of the {before} of {id}": (
        "tiene {counts}, menos de {fraction} de los {before} de {id}"
    ),
    # Remarks and warnings.
    (
        "Texts are sorted by {output}: their order may differ. Indexes are built anew and are right; look at range "
        "partitions and check constraints on texts, and at what relies on the old order"
    ): (
        "Los textos se ordenan con {output}: su orden puede diferir. Los índices se construyen de nuevo y están "
        "bien; revise las particiones por rango y las restricciones CHECK sobre textos, y lo que dependa del orden "
        "anterior"
    ),
    "{path}: {number} changed while they were read: {names}": "{path}: {number} cambiaron mientras se leían: {names}",
    "{path}: {number} vanished before they were read: {names}": (
        "{path}: {number} desaparecieron antes de leerse: {names}"
    ),
    "{path}: {number} are sockets and were left out: {names}": "{path}: {number} son sockets y no se copiaron: {names}",
    "{path}: {number} are device nodes and were left out: {names}": (
        "{path}: {number} son dispositivos y no se copiaron: {names}"
    ),
    "{path}: {number} are mount points and were not entered: {names}": (
        "{path}: {number} son puntos de montaje y no se entró en ellos: {names}"
    ),
    "{path}: {number} have attributes that could not be read: {names}": (
        "{path}: {number} tienen atributos que no se pudieron leer: {names}"
    ),
    "A restore will leave out {text_object}": "Una restauración no hará {text_object}",
    "Left out: {text_object}": "No se restauró: {text_object}",
    "What was replaced is still kept: {text_why}": "Lo reemplazado se conserva todavía: {text_why}",
    "{name} is still kept: it is in use by {user}": "{name} se conserva todavía: lo usa {user}",
    "could not look into {server} ({engine}): {text_why}": "no se pudo mirar en {server} ({engine}): {text_why}",
    "The account may not see every database of {server}: grant it SHOW DATABASES.": (
        "La cuenta no puede ver todas las bases de datos de {server}: concédale SHOW DATABASES."
    ),
    (
        "The rows of these tables are stored elsewhere; the set has only their definitions. Ensure that the rows "
        "are backed up where they are: {names}"
    ): (
        "Las filas de estas tablas están en otro lugar, así que la copia contiene cómo se crean y ninguna fila; "
        "asegúrese de que se copien donde están: {names}"
    ),
    (
        "The set before it, {id}, is dated after {time}, the time by this host's clock, which is wrong now or was "
        "then. This set still counts as the newer one"
    ): (
        "La copia anterior, {id}, tiene fecha posterior a {time}, la hora del reloj de este equipo, que está mal "
        "ahora o lo estaba entonces. Esta copia es la más nueva de todos modos"
    ),
    (
        "Its id has a time later than {time}, the time by this host's clock: the source has a set of a later "
        "time already, so the clock was set back"
    ): (
        "Se llama con una hora posterior a {time}, la del reloj de este equipo: la fuente ya tiene una copia de una "
        "hora posterior, así que el reloj se atrasó"
    ),
    "Only {free} bytes were free in {place}, and the database that was dumped took {number}": (
        "Solo había {free} bytes libres en {place}, y la base de datos que se copió ocupaba {number}"
    ),
    "{path} is a symbolic link: what it points to, {target}, was backed up": (
        "{path} es un enlace simbólico: se copió aquello a lo que apunta, {target}"
    ),
    "not the newest of its source": "no es la más nueva de su fuente",
    (
        "The set does not say whose {path} is: it was made for this restore, and belongs to user {user}, mode "
        "0755. Where somebody else is to own it, use chown and chmod"
    ): (
        "La copia no dice de quién es {path}: se creó para esta restauración, y es del usuario {user}, con permisos "
        "0755. Si debe ser de otro, use chown y chmod"
    ),
    "Events that the server dropped when they were made: {names}": (
        "Eventos que el servidor eliminó al crearlos: {names}"
    ),
    "The server made tables with another engine: {names}": "El servidor creó tablas con otro motor: {names}",
    (
        "Names of roles are not UTF-8, and a server that lacks such a role cannot be given it: {names}. Rename them "
        "(ALTER ROLE … RENAME TO), from within a database of the encoding SQL_ASCII"
    ): (
        "Hay nombres de roles que no son UTF-8, y a un servidor que no tenga ese rol no se le puede dar: {names}. "
        "Cámbieles el nombre (ALTER ROLE … RENAME TO) desde una base de datos con codificación SQL_ASCII"
    ),
    (
        "The server is set to go on where its data are damaged ({names} is on), and this user may not change that: "
        "rows may be missing. Switch it off, or dump as a superuser"
    ): (
        "El servidor está configurado para seguir donde sus datos están dañados ({names} está activado), y este "
        "usuario no puede cambiarlo: pueden faltar filas. Desactívelo, o copie como superusuario"
    ),
    "The configuration of the server is not all in the set: could not read {names}": (
        "La configuración del servidor no está completa en la copia: no se pudo leer {names}"
    ),
    (
        "This server does not know {name} = {value}, which the database had: look at check constraints and "
        "materialized views that depend on it"
    ): (
        "Este servidor no conoce {name} = {value}, que tenía la base de datos: revise las restricciones CHECK y las "
        "vistas materializadas que dependan de eso"
    ),
    (
        "not examined, since it needs what only its application, or another SQLite, has (it is backed up in full): "
        "{list_why} and {number} more"
    ): (
        "no se examinó, porque necesita lo que solo tiene su aplicación u otro SQLite (se copia entera): "
        "{list_why} y {number} más"
    ),
    "{path}: tar: {output}": "{path}: tar: {output}",
    "Everybody may create objects in the schema {name}, and so may this account": (
        "Todos pueden crear objetos en el esquema {name}, y por eso también esta cuenta"
    ),
    "Only a superuser's dump has the {what}: {number} of them": (
        "Solo la copia de un superusuario tiene estos objetos ({what}): son {number}"
    ),
    "Whether it can log in was not tested: only root, or that user, can test it": (
        "No se probó si puede entrar: solo root o ese usuario pueden probarlo"
    ),
    "Whether it can log in was not tested: it may connect from another host only": (
        "No se probó si puede entrar: solo puede conectarse desde otro equipo"
    ),
    "The restore is complete, but the replaced data was not cleaned up: {text_error}": (
        "La restauración está completa, pero no se atendió lo que reemplazó: {text_error}"
    ),
    "not run as root: everything restored belongs to this user and group": (
        "no se ejecutó como root: todo lo restaurado es de este usuario y de su grupo"
    ),
    "{path}: tar: {number} more lines like these": "{path}: tar: {number} líneas más como estas",
    "{path}: {names} came along, because hard links to it were asked for": (
        "{path}: {names} también se restauró, porque se pidieron enlaces duros a él"
    ),
    "{path}: {number} files were restored with setuid or setgid bits or capabilities, the first: {names}": (
        "{path}: {number} archivos se restauraron con bits setuid o setgid o con capacidades; los primeros: {names}"
    ),
    "The server takes no events (event_scheduler is DISABLED); not restored: {names}": (
        "El servidor no acepta eventos (event_scheduler está en DISABLED); no se restauraron: {names}"
    ),
    "Accounts were created from the set, with their rights on this database only: {names}": (
        "Se crearon cuentas de la copia, con sus permisos sobre esta base de datos únicamente: {names}"
    ),
    (
        "Roles that were already on the server were not granted to accounts from the set; if they should be, "
        "do it: {names}"
    ): (
        "Los roles que ya estaban en el servidor no se dieron a las cuentas de la copia; si es lo correcto, "
        "hágalo: {names}"
    ),
    "Accounts of the set that could not be made, and so have no rights here: {list_failed}": (
        "Cuentas de la copia que no se pudieron crear y por eso no tienen permisos aquí: {list_failed}"
    ),
    "The set was restored with all the rights of this account, because it may not make one with fewer": (
        "La copia se restauró con todos los permisos de esta cuenta, porque no puede crear otra con menos"
    ),
    "Not all grants of the set's accounts were made: {text_why}": (
        "No se dieron todos los permisos de las cuentas de la copia: {text_why}"
    ),
    "The database is restored, but not everything about it: {text_error}": (
        "La base de datos se restauró, pero no todo lo suyo: {text_error}"
    ),
    "Its tables refer to tables of databases that are not here; no row can be inserted that does: {names}": (
        "Sus tablas hacen referencia a tablas de bases de datos que no están aquí, y no se puede escribir "
        "ninguna fila que lo"
        " haga: {names}"
    ),
    "These tables are not transactional; they are as they were while locked: {names}": (
        "Estas tablas no conocen transacciones; se copiaron como estaban mientras estuvieron bloqueadas: {names}"
    ),
    "Its tables refer to other databases, which are not in the set: {names}": (
        "Sus tablas hacen referencia a otras bases de datos, que no están en la copia: {names}"
    ),
    "Tables lie in directories of their own; a restore puts them with the others": (
        "Hay tablas en directorios propios; una restauración las pone con las demás"
    ),
    "The position of the binary log is not in the set: the account lacks the right {right}": (
        "La posición del registro binario no está en la copia: a la cuenta le falta el permiso {right}"
    ),
    "The accounts that use the database are not in the set: this account may not see them": (
        "Las cuentas que usan la base de datos no están en la copia: esta cuenta no puede verlas"
    ),
    "The server was interrupted in the last step, which was then completed: {text_why}": (
        "El servidor se interrumpió en el último paso, que luego se completó: {text_why}"
    ),
    "These stored programs of the database could not be created: {names}": (
        "De los programas de la base de datos, no se pudieron crear: {names}"
    ),
    "Of its defaults, properties and rights, not all could be made: {list_failed}": (
        "No se pudieron poner todos sus valores por defecto, propiedades y permisos: {list_failed}"
    ),
    "{kept} has all tables, but not these programs: {names}; its table {table} has the statements that make them": (
        "{kept} conserva todas las tablas, pero no recibió: {names}; su tabla {table} tiene las sentencias "
        "que los crean"
    ),
    "The tables come without their triggers": "Las tablas vienen sin sus disparadores",
    "The tables come without their {words} ({number})": "Las tablas vienen sin sus {words} ({number})",
    "The foreign key {name} of {table} was left out: {referred} was not chosen": (
        "No se restauró la llave foránea {name} de {table}: {referred} no se eligió"
    ),
    "Foreign keys to tables that were not chosen were left out: {names}": (
        "No se restauraron las llaves foráneas hacia tablas que no se eligieron: {names}"
    ),
    "The default of {column} was left out: {sequence} is not the table's": (
        "No se restauró el valor por defecto de {column}: {sequence} no es de la tabla"
    ),
    "{child} was part of {parent}, and is now a table of its own": (
        "{child} era parte de {parent}, y ahora es una tabla por sí sola"
    ),
    "The tables are restored, but {name} was not removed: {text_error}": (
        "Las tablas se restauraron, pero no se borró {name}: {text_error}"
    ),
    "Views, routines and events could be altered while the dump began: the account lacks BACKUP_ADMIN": (
        "Las vistas, rutinas y eventos pudieron cambiar mientras comenzaba la copia: a la cuenta le falta BACKUP_ADMIN"
    ),
    "An interrupted restore of the target was completed first": (
        "Primero se completó una restauración interrumpida del destino"
    ),
    "An interrupted restore of the target was rolled back first": (
        "Primero se deshizo una restauración interrumpida del destino"
    ),
    "The target's stored programs that were not recreated: {names}": (
        "Programas del destino que no se pudieron crear de nuevo: {names}"
    ),
    "What it holds in the database {name} cannot be looked at: it is closed": (
        "No se puede ver lo que tiene en la base de datos {name}: está cerrada"
    ),
    "Large objects were counted and not compared: this user may not read pg_largeobject": (
        "Los objetos grandes se contaron y no se compararon: este usuario no puede leer pg_largeobject"
    ),
    "Large objects have no digest: this user may not read pg_largeobject": (
        "Los objetos grandes no tienen resumen: este usuario no puede leer pg_largeobject"
    ),
    "The setting {name} of the database makes the server load code: not restored": (
        "La configuración {name} de la base de datos hace que el servidor cargue código: no se restauró"
    ),
    "Invalid indexes are not in the set (pg_dump leaves them out); rebuild them: {names}": (
        "Los índices no válidos no están en la copia (pg_dump no los incluye); constrúyalos de nuevo: {names}"
    ),
    (
        "The system's library sorts texts differently from when this database was made: its indexes on "
        "texts may be wrong."
        " REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION; a restored copy is right"
    ): (
        "La biblioteca del sistema ordena los textos de otra forma que cuando se creó esta base de datos: "
        "sus índices de texto"
        " pueden estar mal. Ejecute REINDEX DATABASE y luego ALTER DATABASE … REFRESH COLLATION VERSION; una "
        "copia restaurada"
        " queda bien"
    ),
    "Foreign tables are in the set without their rows, which are on another server": (
        "Las tablas foráneas están en la copia sin sus filas, que están en otro servidor"
    ),
    (
        "It was dumped with the client of PostgreSQL {client}; restoring it needs a pg_restore of that version."
        " Install {package} beside it"
    ): (
        "Se copió con el cliente de PostgreSQL {client}; para restaurarla se necesita un pg_restore de esa versión."
        " Instale {package} a su lado"
    ),
    "The roles are in the set without their passwords: only a superuser may read those": (
        "Los roles están en la copia sin sus contraseñas: solo un superusuario puede leerlas"
    ),
    "The configuration of the server is not all in the set: this user may not see {hidden}. A superuser may": (
        "La configuración del servidor no está completa en la copia: este usuario no puede ver {hidden}. Un "
        "superusuario sí"
    ),
    "This replica cannot read unlogged tables, so their rows are not in the set: {names}": (
        "Esta réplica no puede leer las tablas sin registro (UNLOGGED), así que sus filas no están en la copia: {names}"
    ),
    "Connections to it that end when the restored database takes its place: {names}": (
        "Conexiones a ella que terminan cuando la base de datos restaurada tome su lugar: {names}"
    ),
    "Subscriptions are in the set and were not restored; create them anew: {names}": (
        "Las suscripciones están en la copia y no se restauraron; créelas de nuevo: {names}"
    ),
    "Roles were created from the set: {names}": "Se crearon roles de la copia: {names}",
    "Privileges beyond the database are not taken from a set; grant them: {names}": (
        "Los permisos más allá de la base de datos no se toman de una copia; concédalos: {names}"
    ),
    "The server has no tablespace {name}: all is in the default one": (
        "El servidor no tiene el tablespace {name}: todo está en el tablespace por defecto"
    ),
    "Roles that used the database are missing on the server: {names}": (
        "Faltan en el servidor roles que usaban la base de datos: {names}"
    ),
    "restored in full, but not examined, since the SQLite of this host lacks what it needs: {list_why}": (
        "se restauró entera, pero no se examinó, porque al SQLite de este equipo le falta lo que necesita: {list_why}"
    ),
    "tables whose content could not be compared here: {names}": (
        "tablas cuyo contenido no se pudo comparar aquí: {names}"
    ),
    (
        "not examined, since it needs what only its application, or another SQLite, has (it is backed up in full): "
        "{list_why}"
    ): ("no se examinó, porque necesita lo que solo tiene su aplicación u otro SQLite (se copia entera): {list_why}"),
    "{number} rows break a rule of their own table (NOT NULL, CHECK or STRICT)": (
        "{number} filas incumplen una regla de su propia tabla (NOT NULL, CHECK o STRICT)"
    ),
    "{number} rows refer to rows that are not there (foreign keys)": (
        "{number} filas hacen referencia a filas que no existen (llaves foráneas)"
    ),
    "rows could not be counted: {why}": "no se pudieron contar las filas: {why}",
    "tables without a content digest, which need the application: {names}": (
        "tablas sin resumen del contenido, que necesitan la aplicación: {names}"
    ),
    "The restore is complete, but {path} could not be removed: remove it by hand ({why})": (
        "La restauración está completa, pero no se pudo borrar {path}: bórrelo a mano ({why})"
    ),
    (
        "{source}: the server has no database {database} any more, so no new set was made; its sets were kept,"
        " the newest is {newest}"
    ): (
        "{source}: el servidor ya no tiene la base de datos {database}, así que no se hizo una copia nueva; "
        "sus copias se"
        " conservan, la más nueva es {newest}"
    ),
    "view {name}: {text_why}": "la vista {name}: {text_why}",
    "materialized view {name}: {text_why}": "la vista materializada {name}: {text_why}",
    "table {name}: {text_why}": "la tabla {name}: {text_why}",
    "foreign table {name}: {text_why}": "la tabla externa {name}: {text_why}",
    "function {name}: {text_why}": "la función {name}: {text_why}",
    "procedure {name}: {text_why}": "el procedimiento {name}: {text_why}",
    "aggregate {name}: {text_why}": "el agregado {name}: {text_why}",
    "trigger {name}: {text_why}": "el disparador {name}: {text_why}",
    "event trigger {name}: {text_why}": "el disparador de eventos {name}: {text_why}",
    "event {name}: {text_why}": "el evento {name}: {text_why}",
    "package {name}: {text_why}": "el paquete {name}: {text_why}",
    "package body {name}: {text_why}": "el cuerpo del paquete {name}: {text_why}",
    "sequence {name}: {text_why}": "la secuencia {name}: {text_why}",
    "index {name}: {text_why}": "el índice {name}: {text_why}",
    "constraint {name}: {text_why}": "la restricción {name}: {text_why}",
    "check constraint {name}: {text_why}": "la restricción CHECK {name}: {text_why}",
    "foreign key {name}: {text_why}": "la llave foránea {name}: {text_why}",
    "fk constraint {name}: {text_why}": "la llave foránea {name}: {text_why}",
    "policy {name}: {text_why}": "la política {name}: {text_why}",
    "rule {name}: {text_why}": "la regla {name}: {text_why}",
    "extension {name}: {text_why}": "la extensión {name}: {text_why}",
    "subscription {name}: {text_why}": "la suscripción {name}: {text_why}",
    "publication {name}: {text_why}": "la publicación {name}: {text_why}",
    "user mapping {name}: {text_why}": "la correspondencia de usuarios {name}: {text_why}",
    "generated column {name}: {text_why}": "la columna calculada {name}: {text_why}",
    "rows of materialized view {name}: {text_why}": "las filas de la vista materializada {name}: {text_why}",
    "rows of an extension's table {name}: {text_why}": "las filas de la tabla de una extensión {name}: {text_why}",
    "change to an extension {name}: {text_why}": "el cambio a una extensión {name}: {text_why}",
    "statistics {name}: {text_why}": "las estadísticas {name}: {text_why}",
    "collation {name}: {text_why}": "el orden de textos {name}: {text_why}",
    "cast {name}: {text_why}": "la conversión {name}: {text_why}",
    "schema {name}: {text_why}": "el esquema {name}: {text_why}",
    "table attach {name}: {text_why}": "la partición {name}: {text_why}",
    "index attach {name}: {text_why}": "el índice de partición {name}: {text_why}",
    "default {name}: {text_why}": "el valor por defecto {name}: {text_why}",
    "rows of {name}: {text_why}": "las filas de {name}: {text_why}",
    "rows of table {name}: {text_why}": "las filas de la tabla {name}: {text_why}",
    "comment {name}: {text_why}": "el comentario {name}: {text_why}",
    "acl {name}: {text_why}": "los permisos de {name}: {text_why}",
    "type {name}: {text_why}": "el tipo {name}: {text_why}",
    "domain {name}: {text_why}": "el dominio {name}: {text_why}",
    "operator {name}: {text_why}": "el operador {name}: {text_why}",
    "server {name}: {text_why}": "el servidor externo {name}: {text_why}",
    "{source}: it is not known whether it has sets dated in the future: {text_why}": (
        "{source}: no se sabe si tiene copias con fecha futura: {text_why}"
    ),
    (
        "Subscriptions of the replaced database ({kept}) were disabled: {names}. Their slots at the publisher hold its"
        " write-ahead log until a new subscription uses them (slot_name) or they are dropped there"
    ): (
        "Las suscripciones de lo que se conserva ({kept}) se desactivaron allí: {names}. Sus slots en el publicador"
        " retienen el registro WAL hasta que una suscripción nueva los use (slot_name) o se borren allí"
    ),
    (
        "Subscriptions of the replaced database ({kept}) go on, because only a superuser can disable them so"
        " (ALTER SUBSCRIPTION … DISABLE): {names}"
    ): (
        "Las suscripciones de lo que se conserva ({kept}) siguen activas allí, porque solo un superusuario puede"
        " desactivarlas así (ALTER SUBSCRIPTION … DISABLE): {names}"
    ),
    (
        "Logical replication slots belong to what is kept ({kept}): {names}. Their consumers get nothing of the"
        " restored database, and they hold the server's write-ahead log: make new ones, and drop them"
        " (pg_drop_replication_slot)"
    ): (
        "Hay slots de replicación lógica que pertenecen a lo que se conserva ({kept}): {names}. Sus consumidores no"
        " reciben nada de la base de datos restaurada, y retienen el registro WAL del servidor: cree otros y borre"
        " estos (pg_drop_replication_slot)"
    ),
    (
        "The replaced database ({kept}) takes no connections because of its active extensions: {names}. To look into"
        " it: ALTER DATABASE … WITH ALLOW_CONNECTIONS true"
    ): (
        "Lo que se conserva ({kept}) no acepta conexiones, porque hay extensiones que actúan solas en esa base:"
        " {names}. Para mirarla: ALTER DATABASE … WITH ALLOW_CONNECTIONS true"
    ),
    (
        "Event triggers of the replaced database ({kept}) go on, because only a superuser can disable them"
        " (ALTER EVENT TRIGGER … DISABLE): {names}"
    ): (
        "Los disparadores de eventos de lo que se conserva ({kept}) siguen activos allí, porque solo un superusuario"
        " puede desactivarlos (ALTER EVENT TRIGGER … DISABLE): {names}"
    ),
    (
        "Event triggers of the replaced database ({kept}) were disabled: {names}. Before it is used again, enable them"
        " (ALTER EVENT TRIGGER … ENABLE)"
    ): (
        "Los disparadores de eventos de lo que se conserva ({kept}) se desactivaron allí: {names}. Antes de volver a"
        " usar esa base, actívelos (ALTER EVENT TRIGGER … ENABLE)"
    ),
    "Event triggers of the replaced database ({kept}) may still act in it: {text_error}": (
        "Los disparadores de eventos de lo que se conserva ({kept}) pueden actuar allí todavía: {text_error}"
    ),
    (
        "A restore may have to leave out, or not to validate, what is computed by functions that name no schemas:"
        " {names}. Set the path for them (ALTER FUNCTION … SET search_path = …), or for the database"
    ): (
        "Una restauración quizá no pueda crear, o validar, lo que calculan funciones que no nombran esquemas: {names}."
        " Fije la ruta de búsqueda de esas funciones (ALTER FUNCTION … SET search_path = …) o la de la base de datos"
    ),
    (
        "The time of these events is past or comes within a minute: a restore keeps them, disabled (see that what they "
        "should have done is done, then drop them): {names}"
    ): (
        "La hora de estos eventos ya pasó o llega en menos de un minuto: una restauración los conserva, desactivados "
        "(revise que lo que debían hacer esté hecho y bórrelos): {names}"
    ),
}
