# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do next after a failure, in Spanish."""

from __future__ import annotations

STEPS = {
    "Install what is missing on this host, and drill again.": (
        "Instale lo que falta en este equipo y repita el simulacro."
    ),
    "Name the databases that it backs up.": "Nombre las bases de datos que copia.",
    "Omit the password, or set authentication: password.": ("Quite la contraseña, o diga authentication: password."),
    "Give the password, or set authentication: local.": "Dé la contraseña, o diga authentication: local.",
    "Give login_unix_socket instead, or set authentication: password.": (
        "Dé en su lugar login_unix_socket, o diga authentication: password."
    ),
    "Use one that knows it.": "Use una que lo conozca.",
    "Choose 0 (normal priority) to 19 (lowest).": (
        "Elija de 0 (tan importante como lo demás) a 19 (lo menos importante)."
    ),
    "Choose 0 (first) to 7 (last), with io_class best-effort.": (
        "Elija de 0 (primero) a 7 (último), con io_class best-effort."
    ),
    "Install the package {package} (Debian, Ubuntu) or {source} (Red Hat) of that version; no service need run.": (
        "Instale el paquete {package} (Debian, Ubuntu) o {source} (Red Hat) de esa versión; no hace falta que "
        "funcione ningún servicio."
    ),
    (
        "Install MySQL's package mysql-server of that version (no service need run), or unpack it somewhere and "
        "name the directory of its programs."
    ): (
        "Instale el paquete mysql-server de MySQL de esa versión (no hace falta que funcione ningún servicio), o "
        "descomprímalo en algún lugar y nombre el directorio de sus programas."
    ),
    "Name a work_directory of at most {number} characters.": (
        "Nombre un work_directory de {number} caracteres a lo sumo."
    ),
    "Correct the cause (where user namespaces are switched off, bwrap cannot confine it) and run again.": (
        "Corrija la causa (donde los espacios de nombres de usuario están desactivados, bwrap no puede aislarlo) y "
        "ejecute de nuevo."
    ),
    (
        "Whoever has put it there has the key of the server {host}: make a new key at the provider, find out how "
        "the old one got out, and delete those objects with an administrator's key (a delete marker is enough)."
    ): (
        "Quien la puso allí tiene la llave del servidor {host}: cree una llave nueva con el proveedor, averigüe cómo "
        "salió la anterior y borre esos objetos con una llave de administrador (basta un marcador de borrado)."
    ),
    "Verify the sets of another medium with set_verify.": "Verifique las copias de otro medio con set_verify.",
    (
        "The store has damaged it, or whoever has the key of the server {name} has put it there; find out which. It"
        " is stored again if the server still has it."
    ): (
        "El almacén la dañó, o la puso allí quien tiene la llave del servidor {name}. Se guarda de nuevo si el "
        "servidor aún la tiene; averigüe cuál de las dos cosas pasó."
    ),
    "Find out who removed them; the set is searched for, and stored again if possible.": (
        "Averigüe quién los borró; se busca la copia, y se guarda de nuevo si es posible."
    ),
    "Nothing is known about the set. Check the disk that it is on, and run again; or use another copy.": (
        "Nada se sabe de la copia. Revise el disco donde está y ejecute de nuevo, o use otro ejemplar."
    ),
    "Give a UTC time in ISO 8601: {example}.": "Dé una hora UTC en ISO 8601: {example}.",
    "Use a file system that supports flock(2), or repair it; nothing was changed.": (
        "Use un sistema de archivos que conozca flock(2), o repárelo; no se tocó nada."
    ),
    "Check the disk that the set is on, and run again; or use another copy.": (
        "Revise el disco donde está la copia y ejecute de nuevo, o use otro ejemplar."
    ),
    "Report it; the incomplete set was removed.": "Infórmelo; la copia incompleta se borró.",
    "It holds restored data, decrypted. The next drill tries again; otherwise remove it by hand.": (
        "Contiene datos restaurados, sin cifrar. La próxima restauración de prueba lo intenta otra vez; si no, "
        "bórrelo a mano."
    ),
    "The others continued without it. Report it with that file, which contains no data.": (
        "Las demás siguieron sin ella. Infórmelo con ese archivo, que no contiene datos."
    ),
    "Correct the cause, and run again.": "Corrija la causa y ejecute de nuevo.",
    "Nothing is known about this copy. Check the disk that it is on, and verify it again.": (
        "Nada se sabe de este ejemplar. Revise el disco donde está y verifíquelo de nuevo."
    ),
    (
        "The target was left as it was. Restore into a server of the version and with the settings of the one that "
        "was dumped; where that does not help, report it."
    ): (
        "El destino se dejó como estaba. Restaure en un servidor de la versión y con la configuración del que se "
        "copió; si eso no ayuda, infórmelo."
    ),
    (
        "It was made by an earlier version: make a new one, which has the definitions of such tables; or restore the "
        "other tables from this one with the option tables. Nothing was written."
    ): (
        "La hizo una versión anterior: haga una nueva, que contiene cómo se crean esas tablas; o restaure de esta "
        "las demás tablas con la opción tables. No se escribió nada."
    ),
    "Restore their rows from a set of the database that stores them, or omit these names.": (
        "Restaure sus filas de una copia del lugar donde están, o no dé esos nombres."
    ),
    "The target was left as it was. Report this; until then restore the other tables by name.": (
        "El destino se dejó como estaba. Infórmelo; mientras tanto, restaure las demás tablas por su nombre."
    ),
    "Connect to the server itself (login_host, login_port), not through a connection pooler.": (
        "Conéctese al servidor mismo (login_host, login_port), no por un intermediario de conexiones."
    ),
    (
        "Rename them (ALTER ROLE … RENAME TO) or drop them, from within a database of the encoding SQL_ASCII that "
        "you create for it."
    ): (
        "Cámbieles el nombre (ALTER ROLE … RENAME TO) o elimínelos, desde una base de datos con codificación "
        "SQL_ASCII que cree para ello."
    ),
    "Restore it by hand (restore_by_hand in its backup.json), and make a new set.": (
        "Restáurela a mano (restore_by_hand en su backup.json), y haga una copia nueva."
    ),
    "Choose another name, and rename the database afterwards (ALTER DATABASE … RENAME TO).": (
        "Elija otro nombre, y cambie después el de la base de datos (ALTER DATABASE … RENAME TO)."
    ),
    (
        "Create them from within a database of the encoding SQL_ASCII, or give everything to one role (options "
        "owner and access)."
    ): (
        "Créelos desde una base de datos con codificación SQL_ASCII, o dé todo a un solo rol (opciones owner y access)."
    ),
    "Find out who stored it. To use it all the same, give its id.": (
        "Averigüe quién la guardó. Para usarla de todos modos, dé su nombre completo."
    ),
    "Find out who damages it, replace this server's key to the cloud, and remove the file {path}; then run again.": (
        "Averigüe quién la daña, cambie la llave de este servidor para la nube y borre el archivo {path}; luego "
        "ejecute de nuevo."
    ),
    "Use another copy. If this key can read other sets, somebody with the key of the server {name} has stored these"
    " objects so that it cannot read them; if it can read none, grant it that permission.": (
        "Use otro ejemplar. Si esta llave sí recibe otras copias, quien tiene la llave del servidor {name} puso estos"
        " objetos de modo que ella no los pueda leer; si no recibe ninguna, concédale eso."
    ),
    "Whoever holds the key of the server {name} has put it there. Use another copy.": (
        "La puso allí quien tiene la llave del servidor {name}. Use otro ejemplar."
    ),
    "Give a state_directory that this user can write, with free space, and audit again.": (
        "Dé un state_directory en el que este usuario pueda escribir, con espacio libre, y audite de nuevo."
    ),
    (
        "Another host has stored it or is storing it, or the journal of an earlier upload was lost. Sets are never "
        "overwritten: list it with a key that may list. If there is no good copy, store it again (anew: true), at"
        " another place."
    ): (
        "La guardó o la está guardando otro, o se perdió el diario de una subida anterior. Las copias nunca se "
        "sobrescriben: lístela con una llave que pueda hacerlo. Si allí no hay un ejemplar bueno, guárdela de nuevo "
        "(anew: true), en otro lugar."
    ),
    ("Install the package {package} (Debian, Ubuntu) or {source} (Red Hat); its own service need not run."): (
        "Instale el paquete {package} (Debian, Ubuntu) o {source} (Red Hat); no hace falta que su servicio funcione."
    ),
    "Install the package {package} (Debian, Ubuntu) or {source} (Red Hat).": (
        "Instale el paquete {package} (Debian, Ubuntu) o {source} (Red Hat)."
    ),
    (
        "Grant the account what it lacks (to dump: {rights} on the database, and {more} on *.*; to restore: an "
        "administrator's)."
    ): (
        "Conceda a la cuenta lo que le falta (para copiar: {rights} sobre la base de datos, y {more} sobre *.*; para "
        "restaurar: los de un administrador)."
    ),
    "Free some space, or name another work_directory.": "Haga espacio, o nombre otro work_directory.",
    "Give an identity of one of the set's recipients. Nothing was delivered.": (
        "Dé la llave de uno de los destinatarios de la copia. No se entregó nada."
    ),
    "Give an identity of one of its recipients: {names}. Nothing was touched.": (
        "Dé la llave de uno de sus destinatarios: {names}. No se tocó nada."
    ),
    "Correct the recipients: each is a public key, 'age1…' or 'ssh-ed25519 …'.": (
        "Corrija los destinatarios: cada uno es una llave pública, 'age1…' o 'ssh-ed25519 …'."
    ),
    "Install age on this host, and repeat the restore.": "Instale age en este equipo y repita la restauración.",
    "Do not use this set before you know who wrote it.": "No use esta copia mientras no sepa quién la escribió.",
    "Write a non-text byte as \\xHH, as messages do.": (
        "Escriba un byte que no es texto como \\xHH: así se muestran los nombres."
    ),
    "Remove it by hand; nothing uses it.": "Bórrelo a mano; nada lo usa.",
    "See the cause; nothing of the set was kept.": "Vea la causa; no se conservó nada de la copia.",
    "Correct login_user and login_password (or login_os_user, where the server knows users by their login).": (
        "Corrija login_user y login_password (o login_os_user, si el servidor reconoce a los usuarios por su sesión)."
    ),
    "Check that the server runs, lets this host and user in, and that host, port or socket are right.": (
        "Compruebe que el servidor funciona y deja entrar a este equipo y a este usuario, y que el equipo, el puerto "
        "o el socket son correctos."
    ),
    "Check that the server runs and that host, port or socket directory are right.": (
        "Compruebe que el servidor funciona y que el equipo, el puerto o el directorio del socket son correctos."
    ),
    "Check ssl_mode and ca_cert: the server's certificate must be one that they accept.": (
        "Revise ssl_mode y ca_cert: deben aceptar el certificado del servidor."
    ),
    "The server is not MariaDB, or older than 10.6; for MySQL there is the engine mysql.": (
        "El servidor no es MariaDB, o es anterior a 10.6; para MySQL está el motor mysql."
    ),
    "The server is not MySQL 8.0.20 or newer; for MariaDB there is the engine mariadb.": (
        "El servidor no es MySQL 8.0.20 o más nuevo; para MariaDB está el motor mariadb."
    ),
    "Correct the database's name, or create it.": "Corrija el nombre de la base de datos, o créela.",
    "A table was altered while it was dumped: run again.": (
        "Una tabla cambió de estructura mientras se copiaba: ejecute de nuevo."
    ),
    "Another session holds a lock (SHOW PROCESSLIST shows which): end it, or run when no table is being altered.": (
        "Otra sesión tiene un bloqueo (SHOW PROCESSLIST muestra cuál): termínela, o ejecute cuando no se modifique "
        "ninguna tabla."
    ),
    "Another session holds a lock (pg_locks shows which): end it, or run when no table is being altered.": (
        "Otra sesión tiene un bloqueo (pg_locks muestra cuál): termínela, o ejecute cuando no se modifique ninguna "
        "tabla."
    ),
    "Let the server take functions as they are (SET GLOBAL log_bin_trust_function_creators = 1) and run again.": (
        "Permita que el servidor acepte las funciones como son (SET GLOBAL log_bin_trust_function_creators = 1) y "
        "ejecute de nuevo."
    ),
    "Grant the account what it lacks (to dump: {rights}; to restore: an administrator's).": (
        "Conceda a la cuenta lo que le falta (para copiar: {rights}; para restaurar: los de un administrador)."
    ),
    "Grant the account what it lacks (to dump: {rights}).": (
        "Conceda a la cuenta lo que le falta (para copiar: {rights})."
    ),
    "Switch local_infile on in the server (SET GLOBAL local_infile = 1).": (
        "Active local_infile en el servidor (SET GLOBAL local_infile = 1)."
    ),
    (
        "Free space where the server keeps its temporary files (tmpdir), or name a directory that has it (SET "
        "GLOBAL innodb_tmpdir)."
    ): (
        "Libere espacio donde el servidor guarda sus archivos temporales (tmpdir), o nombre un directorio que lo "
        "tenga (SET GLOBAL innodb_tmpdir)."
    ),
    "Free space where the server keeps its data.": "Libere espacio donde el servidor guarda sus datos.",
    "Install a newer client: {versions} or later.": "Instale un cliente más nuevo: {versions} o posterior.",
    (
        "Install MySQL's own client (the package mysql-client), and name its directory in client_directory where "
        "another product's program has the name."
    ): (
        "Instale el cliente propio de MySQL (el paquete mysql-client), y nombre su directorio en client_directory si "
        "el programa de otro producto tiene ese nombre."
    ),
    (
        "The server lets nobody send a password over a connection without TLS: switch TLS on in it, or, on a "
        "network that you trust, say ssl_mode: disable."
    ): (
        "El servidor no deja enviar contraseñas por una conexión sin TLS: active TLS en él o, en una red en la que "
        "confíe, diga ssl_mode: disable."
    ),
    (
        "This client does not know how the account is identified. Where the server is MariaDB, there is the engine "
        "mariadb; otherwise identify the account WITH caching_sha2_password."
    ): (
        "Este cliente no conoce la forma de identificar la cuenta. Si el servidor es MariaDB, está el motor mariadb; "
        "si no, identifique la cuenta WITH caching_sha2_password."
    ),
    "Restore as an account with SUPER, or SET GLOBAL log_bin_trust_function_creators = 1.": (
        "Restaure con una cuenta que tenga SUPER, o ejecute SET GLOBAL log_bin_trust_function_creators = 1."
    ),
    "Allow this host and user in the server's pg_hba.conf.": (
        "Permita este equipo y este usuario en el pg_hba.conf del servidor."
    ),
    "Correct login_user, or create that role.": "Corrija login_user, o cree ese rol.",
    "Connect as a superuser or as a role with BYPASSRLS: a dump must see every row.": (
        "Conéctese como superusuario o con un rol que tenga BYPASSRLS: la copia debe ver cada fila."
    ),
    "Connect as a superuser, or grant the role what it lacks (to dump: pg_read_all_data since PostgreSQL 14).": (
        "Conéctese como superusuario, o conceda al rol lo que le falta (para copiar: pg_read_all_data, desde "
        "PostgreSQL 14)."
    ),
    "Raise max_standby_streaming_delay or set hot_standby_feedback on this replica, or dump the primary.": (
        "Suba max_standby_streaming_delay o active hot_standby_feedback en esta réplica, o copie el servidor primario."
    ),
    "Raise max_connections on the server, or use fewer jobs.": "Suba max_connections en el servidor, o use menos jobs.",
    "Nothing was written. See the cause, then run again.": "No se escribió nada. Vea la causa y ejecute de nuevo.",
    "Set it to PRAGMA journal_mode=WAL, which lets both go on, or back it up at a quiet time.": (
        "Póngala en PRAGMA journal_mode=WAL, que deja seguir a ambos, o cópiela a una hora tranquila."
    ),
    "Nothing was written. Look for what it computes; back it up as a file (engine files) meanwhile.": (
        "No se escribió nada. Busque qué calcula; mientras tanto, cópiela como archivo (motor files)."
    ),
    "End the transaction that holds it, then run again; nothing was written.": (
        "Termine la transacción que la retiene y ejecute de nuevo; no se escribió nada."
    ),
    (
        "If the files were moved or copied, copy that file too: without it SQLite treats half-written data as "
        "finished. Otherwise open each of the databases once with its application or sqlite3; then run again."
    ): (
        "Si los archivos se movieron o copiaron, traiga también ese: sin él, SQLite toma por terminado lo escrito a "
        "medias. Si no, abra una vez cada una de las bases de datos con su aplicación o con sqlite3, y ejecute de "
        "nuevo."
    ),
    (
        "Open each of them once with its application or sqlite3, by which SQLite undoes it in all; then run again. "
        "Name them in the source's attached, which dumps all in one moment; otherwise stop the application while "
        "these databases are dumped, since each is dumped at a moment of its own."
    ): (
        "Abra una vez cada una con su aplicación o con sqlite3, con lo que SQLite la deshace en todas, y ejecute de "
        "nuevo. Nómbrelas en el attached de la fuente, que las copia todas en un mismo momento; si no, detenga la "
        "aplicación mientras se copian, porque cada una se copia en su propio momento."
    ),
    "Correct the key in the credentials file.": "Corrija la llave en el archivo de credenciales.",
    "Correct the clock (NTP).": "Ponga en hora el reloj (NTP).",
    "Create the bucket, or correct its name.": "Cree el depósito, o corrija su nombre.",
    "Set the bucket's own region.": "Dé la región del depósito.",
    "Use a key that has this permission, or grant it.": "Use una llave que pueda, o concédaselo.",
    "Verify the set on its medium (set_verify), then run again.": (
        "Verifique la copia donde está (set_verify) y ejecute de nuevo."
    ),
    "Create the bucket with Object Lock and versioning, or omit retain_days.": (
        "Cree el depósito con Object Lock y versiones, o no dé retain_days."
    ),
    "Check the state of the store, then run again: an upload goes on where it stopped.": (
        "Vea el estado del almacén y ejecute de nuevo: la subida sigue donde se detuvo."
    ),
    "Check proxy_url, or HTTPS_PROXY and NO_PROXY of the environment, and what the proxy admits.": (
        "Revise proxy_url, o HTTPS_PROXY y NO_PROXY del entorno, y qué admite el proxy."
    ),
    "Give bytes per second such as 512K or 2M (4K at least), off, or a timetable such as '08:00,512K 19:00,off'.": (
        "Dé bytes por segundo, como 512K o 2M (al menos 4K), off, o un horario como '08:00,512K 19:00,off'."
    ),
    "Check the state of the store, then run again.": "Vea el estado del almacén y ejecute de nuevo.",
    "Check the medium's options and the store's log.": "Revise las opciones del medio y el registro del almacén.",
    "Try the same with ssh and rsync by hand as this user.": (
        "Pruebe lo mismo a mano con ssh y rsync como este usuario."
    ),
    "Find out whether the host was reinstalled; if not, somebody may be intercepting the connection. Nothing was"
    " sent.": ("Averigüe si el equipo se instaló de nuevo; si no, alguien está en medio. No se envió nada."),
    "Add it there after comparing its fingerprint on the host itself (step1_prepare_media does).": (
        "Póngala allí después de comparar su huella en el propio equipo (step1_prepare_media lo hace)."
    ),
    "Give it mode 0600.": "Dele permisos 0600.",
    "Put the public key into that user's authorized_keys (step1_prepare_media does).": (
        "Ponga la llave pública en el authorized_keys de ese usuario (step1_prepare_media lo hace)."
    ),
    "Check the network, the name and that its SSH server is up; then run again.": (
        "Revise la red, el nombre y que su servidor SSH funcione, y ejecute de nuevo."
    ),
    "Use the key that is meant for this.": "Use la llave destinada a esto.",
    "Wait for it to end; then run again.": "Espere a que termine y ejecute de nuevo.",
    "Free space; what arrived is not listed.": "Libere espacio; lo que llegó no se lista.",
    "Prepare the medium (playbook infitulua.backup.step1_prepare_media), or mount its volume there.": (
        "Disponga el medio (playbook infitulua.backup.step1_prepare_media), o monte allí su volumen."
    ),
    "Install the package rsync there.": "Instale allí el paquete rsync.",
    "Run again; nothing incomplete is listed.": "Ejecute de nuevo; no se lista nada incompleto.",
    "Remove io_class, or correct the cause.": "Quite io_class, o corrija la causa.",
    "Check that the key exists, is readable and has no passphrase.": (
        "Compruebe que la llave existe, se puede leer y no tiene frase de paso."
    ),
    "Restore from another copy of the set.": "Restaure de otro ejemplar de la copia.",
    "See what tar says.": "Vea lo que dice tar.",
    "See what tar says; nothing of the set was kept.": "Vea lo que dice tar; no se conservó nada de la copia.",
    "The target is as it was. See what tar says, correct it and run again.": (
        "El destino está como estaba. Vea lo que dice tar, corríjalo y ejecute de nuevo."
    ),
    "Give {option}.": "Dé {option}.",
    (
        "A cluster has those of the locales that its system had when initdb made it: install the locales, make a "
        "new cluster, and restore into that."
    ): (
        "Un clúster tiene las configuraciones regionales que tenía su sistema cuando initdb lo creó: instálelas, "
        "cree un clúster nuevo y restaure en él."
    ),
    "All other checks passed. Correct the query (backup_drill_queries), and drill again.": (
        "Todas las demás comprobaciones pasaron. Corrija la pregunta (backup_drill_queries) y repita el simulacro."
    ),
    (
        "Back up as the server's superuser through the local socket (login_os_user: postgres), or move to "
        "PostgreSQL {version} or newer."
    ): (
        "Haga la copia como superusuario del servidor por el socket local (login_os_user: postgres), o pase a "
        "PostgreSQL {version} o más nuevo."
    ),
    "Both copies are kept. Move with verify: true, to a medium that can be read.": (
        "Se conservan ambas copias. Mueva con verify: true, a un medio que se pueda leer."
    ),
    "Check that it runs by hand.": "Compruebe que se ejecuta a mano.",
    "Check the medium's owner and mode, and run as the user that may read it.": (
        "Revise el dueño y los permisos del medio, y ejecute como el usuario que puede leerlo."
    ),
    "Check the owner and mode, and the health of the disk.": "Revise el dueño, los permisos y la salud del disco.",
    "Choose 1 (one source after another) or more.": "Elija 1 (una fuente tras otra) o más.",
    "Choose a shorter name.": "Elija un nombre más corto.",
    "Choose another name for the account that backs up, or hand them over (REASSIGN OWNED BY).": (
        "Elija otro nombre para la cuenta que hace las copias, o entregue esos objetos a otro dueño (REASSIGN OWNED "
        "BY)."
    ),
    "Choose another name for the account that backs up.": "Elija otro nombre para la cuenta que hace las copias.",
    "Choose another name.": "Elija otro nombre.",
    "Choose another one.": "Elija otra.",
    "Choose another password.": "Elija otra contraseña.",
    "Choose one of them.": "Elija uno de ellos.",
    "Choose one of {names}, or omit it.": "Elija uno de {names}, o no lo dé.",
    "Compare the two with set_verify; sets are never overwritten.": (
        "Compare las dos con set_verify; las copias nunca se sobrescriben."
    ),
    "Connect as a role that may create roles, or create them first.": (
        "Conéctese con un rol que pueda crear roles, o créelos antes."
    ),
    "Connect as a superuser, best through the local socket (login_os_user: postgres).": (
        "Conéctese como superusuario, mejor por el socket local (login_os_user: postgres)."
    ),
    (
        "Convert them (ALTER TABLE … ENGINE = InnoDB), or set nontransactional_tables: lock, which blocks "
        "writes to them while they are read."
    ): (
        "Conviértalas (ALTER TABLE … ENGINE = InnoDB), o diga nontransactional_tables: lock, que detiene a quien "
        "escribe en ellas mientras se leen."
    ),
    "Correct databases and except_databases. The server has {names}.": (
        "Corrija databases y except_databases. El servidor tiene {names}."
    ),
    "Correct it; with 0, only a source that has become empty is suspect.": (
        "Corríjalo; con 0 solo se pregunta si la fuente quedó vacía."
    ),
    "Correct that, and repeat the step.": "Corrija eso y repita el paso.",
    "Correct the cause and run again.": "Corrija la causa y ejecute de nuevo.",
    "Correct the cause and run again: the upload continues where it stopped.": (
        "Corrija la causa y ejecute de nuevo: la subida sigue donde se detuvo."
    ),
    "Correct the cause and run again; nothing incomplete is kept.": (
        "Corrija la causa y ejecute de nuevo; no se conserva nada incompleto."
    ),
    "Correct the cause and run again; nothing incomplete was kept, and the origin is as it was.": (
        "Corrija la causa y ejecute de nuevo; no se conservó nada incompleto, y el origen está como estaba."
    ),
    "Correct the cause and run again; nothing was changed.": "Corrija la causa y ejecute de nuevo; no se cambió nada.",
    "Correct the cause and run again; the incomplete set was removed.": (
        "Corrija la causa y ejecute de nuevo; la copia incompleta se borró."
    ),
    "Correct the cause.": "Corrija la causa.",
    "Correct the cause, then run again. The target is as it was.": (
        "Corrija la causa y ejecute de nuevo. El destino está como estaba."
    ),
    "Correct the database's name, or grant the account its rights on it.": (
        "Corrija el nombre de la base de datos, o dé a la cuenta sus permisos sobre ella."
    ),
    "Correct the medium's options.": "Corrija las opciones del medio.",
    "Correct the medium's type.": "Corrija el tipo del medio.",
    (
        "Correct the names (*.odt finds them anywhere), or try an earlier set: it may have been lost before this "
        "one was made."
    ): (
        "Corrija los nombres (*.odt los encuentra en cualquier parte), o pruebe una copia anterior: pudieron "
        "perderse antes de esta."
    ),
    "Correct the names and patterns of its databases, or create them.": (
        "Corrija los nombres y patrones de sus bases de datos, o créelas."
    ),
    "Correct the names of its databases, or create them.": "Corrija los nombres de sus bases de datos, o créelas.",
    "Correct the names (schema.table), or choose another set.": (
        "Corrija los nombres (esquema.tabla), o elija otra copia."
    ),
    "Correct the names, or choose another set.": "Corrija los nombres, o elija otra copia.",
    "Correct the path, or back it up as a file (engine files) while nothing writes to it.": (
        "Corrija la ruta, o cópiela como archivo (motor files) mientras nada escriba en ella."
    ),
    "Correct the permissions, or remove it by hand.": "Corrija los permisos, o bórrelo a mano.",
    "Correct the query in the inventory.": "Corrija la pregunta en el inventario.",
    "Correct the source's engine, or use a version of the collection that knows it.": (
        "Corrija el motor de la fuente, o use una versión de la colección que lo conozca."
    ),
    "Correct the source's path, or bring the database back; nothing was written.": (
        "Corrija la ruta de la fuente, o recupere la base de datos; no se escribió nada."
    ),
    "Correct the source's paths, or bring back what is missing; nothing was written.": (
        "Corrija las rutas de la fuente, o recupere lo que falta; no se escribió nada."
    ),
    "Correct the user's name or install the package that creates it.": (
        "Corrija el nombre del usuario o instale el paquete que lo crea."
    ),
    "Correct what it names, or exclude it; nothing of the set was kept.": (
        "Corrija lo que nombra, o exclúyalo; no se conservó nada de la copia."
    ),
    "Correct what it names, then run again; nothing of the set was kept.": (
        "Corrija lo que nombra y ejecute de nuevo; no se conservó nada de la copia."
    ),
    "Create it (CREATE ROLE … NOLOGIN), or correct the option owner.": (
        "Créelo (CREATE ROLE … NOLOGIN), o corrija la opción owner."
    ),
    "Create them (CREATE ROLE … NOLOGIN) and run again.": "Créelos (CREATE ROLE … NOLOGIN) y ejecute de nuevo.",
    "Do not rely on this set; restore from another one, and find out what happened.": (
        "No cuente con esta copia; restaure de otra y averigüe qué pasó."
    ),
    "Do not restore from this copy; use another one, and find out what happened to this medium.": (
        "No restaure de esta copia; use otra y averigüe qué le pasó a este medio."
    ),
    "Do not use this copy; find out what happened on that host.": "No use esta copia; averigüe qué pasó en ese equipo.",
    "Do not use this set; find out who wrote it.": "No use esta copia; averigüe quién la escribió.",
    "Remove move, or the recipients.": "Quite move, o los destinatarios.",
    "Remove one of the two.": "Quite uno de los dos.",
    "Drop them (DROP LIBRARY), or use another tool for this database.": (
        "Elimínelas (DROP LIBRARY), o use otra herramienta para esta base de datos."
    ),
    "Drop those foreign keys first, or restore under another name.": (
        "Elimine antes esas llaves foráneas, o restaure con otro nombre."
    ),
    "Exclude the medium's directory, or use a medium elsewhere.": (
        "Excluya el directorio del medio, o use un medio en otro lugar."
    ),
    "Find out who wrote the journal. Look into both files before anybody opens the database.": (
        "Averigüe quién escribió el diario. Mire ambos archivos antes de que alguien abra la base de datos."
    ),
    "Find what changes the file by other means than SQLite; then run again.": (
        "Encuentre qué cambia el archivo sin pasar por SQLite; luego ejecute de nuevo."
    ),
    "For MariaDB there is the engine mariadb.": "Para MariaDB está el motor mariadb.",
    "For MySQL there is the engine mysql.": "Para MySQL está el motor mysql.",
    "Free space and run again.": "Libere espacio y ejecute de nuevo.",
    "Free space on the medium or give it a larger one; nothing was written.": (
        "Libere espacio en el medio o use uno más grande; no se escribió nada."
    ),
    "Free space on the medium or repair it, then run again; the incomplete set was removed.": (
        "Libere espacio en el medio o repárelo, y ejecute de nuevo; la copia incompleta se borró."
    ),
    "Free space or correct the permissions, then run again; the target is as it was.": (
        "Libere espacio o corrija los permisos, y ejecute de nuevo; el destino está como estaba."
    ),
    (
        "Free space there (databases that earlier restores kept have __replaced_ in their names), or restore into "
        "another server."
    ): (
        "Libere espacio allí (las bases de datos que conservaron restauraciones anteriores tienen __replaced_ en el "
        "nombre), o restaure en otro servidor."
    ),
    "Free space there, or give another scratch_directory; nothing was written.": (
        "Libere espacio allí, o dé otro scratch_directory; no se escribió nada."
    ),
    "Free space, or restore elsewhere; nothing was touched.": (
        "Libere espacio, o restaure en otro lugar; no se tocó nada."
    ),
    "Free space, or restore into a directory on a larger file system; nothing was touched.": (
        "Libere espacio, o restaure en un directorio de un sistema de archivos más grande; no se tocó nada."
    ),
    "Free space; nothing was copied.": "Libere espacio; no se copió nada.",
    "Give 0 to keep nothing, or leave it out to keep everything.": (
        "Dé 0 para no conservar nada, o no lo dé para conservarlo todo."
    ),
    "Give a medium of type directory.": "Dé un medio de tipo directory.",
    "Give a number of seconds, or leave it out: then it is derived from the size of the source.": (
        "Dé un número de segundos, o no lo dé: entonces se calcula del tamaño de la fuente."
    ),
    "Give a spool directory with room for the set. The target was not touched.": (
        "Dé un directorio de paso (spool) con espacio para la copia. El destino no se tocó."
    ),
    "Give a state_directory that this user can write, with free space; nothing more was stored.": (
        "Dé un state_directory en el que este usuario pueda escribir, con espacio libre; no se guardó nada más."
    ),
    "Give another into_schema, or drop that one if it is not needed any more.": (
        "Dé otro into_schema, o elimine ese si ya no hace falta."
    ),
    (
        "Give attached: one path for each, in this order, [] for none (in step 5, in backup_restore_target); or "
        "leave it out."
    ): (
        "Dé attached: una ruta para cada una, en este orden, [] para ninguna (en el paso 5, en "
        "backup_restore_target); o no lo dé."
    ),
    (
        "Give database for one, or databases (names and patterns, '*' for all) and, where some are to be left out, "
        "except_databases."
    ): (
        "Dé database para una, o databases (nombres y patrones, '*' para todas) y, si algunas no se copian, "
        "except_databases."
    ),
    "Give each database once, in path or in attached, and under a name of its own.": (
        "Dé cada base de datos una sola vez, en path o en attached, y con un nombre propio."
    ),
    (
        "Give each source of a host its own name, and let none begin with the name of an entry with databases and "
        "a dot."
    ): (
        "Dé a cada fuente de un servidor su propio nombre, y que ninguno comience por el de una entrada con "
        "databases y un punto."
    ),
    "Give identity_file: the technician's operational key, or the director's escrow key.": (
        "Dé identity_file: la llave operativa del técnico, o la llave de custodia del director."
    ),
    "Grant it what it lacks on that pattern, or set exact: true, which revokes what it does not need.": (
        "Dele lo que le falta sobre ese patrón, o diga exact: true, que le quita lo que no necesita."
    ),
    "Grant or revoke it by hand, or choose another name for the account.": (
        "Concédalo o quítelo a mano, o elija otro nombre para la cuenta."
    ),
    "Give one of them.": "Dé uno de ellos.",
    "Give paths: what to back up.": "Dé paths: lo que se copia.",
    "Give recipients (step 1 installs them), or set encryption: none to write it unencrypted.": (
        "Dé los destinatarios (el paso 1 los instala), o diga encryption: none para escribirla sin cifrar."
    ),
    "Give scratch_directory: a directory with as much free space as the database is large.": (
        "Dé scratch_directory: un directorio con tanto espacio libre como el tamaño de la base de datos."
    ),
    "Give set, or host and source (and, if it is not to be the newest, at).": (
        "Dé set, o host y source (y at, si no ha de ser la más nueva)."
    ),
    "Give such a name.": "Dé un nombre así.",
    "Give the database's name.": "Dé el nombre de la base de datos.",
    "Give the id as set_info prints it.": "Dé el nombre como lo muestra set_info.",
    "Give the name of a database that does not exist yet, and copy from there what is needed (INSERT … SELECT).": (
        "Dé el nombre de una base de datos que aún no exista, y copie de allí lo que haga falta (INSERT … SELECT)."
    ),
    "Give the options that this type of medium takes.": "Dé las opciones que acepta este tipo de medio.",
    (
        "Give the path as it was archived (/srv/usuarios/ana/carta.odt, /srv/usuarios/ana/*.odt), or a name "
        "(carta.odt, *.odt)."
    ): (
        "Dé la ruta como se archivó (/srv/usuarios/ana/carta.odt, /srv/usuarios/ana/*.odt), o un nombre (carta.odt, "
        "*.odt)."
    ),
    "Give the public key instead (age-keygen -y prints it), and make a new key.": (
        "Dé en su lugar la llave pública (age-keygen -y la muestra), y genere una llave nueva."
    ),
    "Give the whole path, beginning with a slash.": "Dé la ruta completa, que comienza con una barra.",
    (
        "Give this database an entry of its own (database instead of databases), and name it in except_databases "
        "of this one; or shorten the entry's name."
    ): (
        "Dé a esta base de datos una entrada propia (database en lugar de databases) y nómbrela en el "
        "except_databases de esta; o acorte el nombre de la entrada."
    ),
    "Grant the account SHOW CREATE ROUTINE, or SELECT on mysql.proc, and SHOW VIEW.": (
        "Conceda a la cuenta SHOW CREATE ROUTINE, o SELECT sobre mysql.proc, y SHOW VIEW."
    ),
    "GRANT {rights} to it.": "Concédale (GRANT) {rights}.",
    "INSTALL PLUGIN {plugin} SONAME '{file}.so', or set authentication: password.": (
        "Ejecute INSTALL PLUGIN {plugin} SONAME '{file}.so', o diga authentication: password."
    ),
    "Install it, or correct its path.": "Instálelo, o corrija su ruta.",
    "Install the package {package}.": "Instale el paquete {package}.",
    (
        "Install the package postgresql-client-{major} (Debian, Ubuntu) or postgresql{same} (Red Hat), or name its "
        "directory in client_directory."
    ): (
        "Instale el paquete postgresql-client-{major} (Debian, Ubuntu) o postgresql{same} (Red Hat), o nombre su "
        "directorio en client_directory."
    ),
    "Install the package python3-boto3 (or boto3 with pip, 1.26 or newer).": (
        "Instale el paquete python3-boto3 (o boto3 con pip, 1.26 o más nuevo)."
    ),
    "Install the package tar.": "Instale el paquete tar.",
    "Install them on the server: the package postgresql-contrib has many, {package} (Debian, Ubuntu) others.": (
        "Instálelas en el servidor: el paquete postgresql-contrib tiene muchas, {package} (Debian, Ubuntu) otras."
    ),
    (
        "Install them there (Debian, Ubuntu: a line in /etc/locale.gen and locale-gen, or the package locales-all; "
        "Red Hat: glibc-langpack-<language>) and restart PostgreSQL."
    ): (
        "Instálelas allí (Debian, Ubuntu: una línea en /etc/locale.gen y locale-gen, o el paquete locales-all; Red "
        "Hat: glibc-langpack-<idioma>) y reinicie PostgreSQL."
    ),
    (
        "It is kept as suspect: it is not copied, and restored only if it is named. If the content of the source is"
        " right, run again and accept {source}; if not, repair it and run again with another run_id."
    ): (
        "Se conserva como sospechosa: no se lleva a otro medio, y solo se restaura cuando se nombra. Si la fuente "
        "está bien así, ejecute de nuevo y acepte {source}; si no, repárela y ejecute de nuevo con otro run_id."
    ),
    (
        "Another host has stored it or is storing it, or the journal of an earlier upload was lost. Sets are never "
        "overwritten: list it with a key that may, and remove it first if it is incomplete."
    ): (
        "La guardó o la está guardando otro, o se perdió el diario de una subida anterior. Las copias nunca se "
        "sobrescriben: lístela con una llave que pueda hacerlo, y bórrela antes si está incompleta."
    ),
    (
        "Its tables are as they were. The programs' statements are in the table {table}: correct the cause, and "
        "restore again."
    ): (
        "Sus tablas están como estaban. Las sentencias de los programas están en la tabla {table}: corrija la causa "
        "y restaure de nuevo."
    ),
    "Its tables are as they were. The programs' statements are in the table {table}: execute them.": (
        "Sus tablas están como estaban. Las sentencias de los programas están en la tabla {table}: ejecútelas."
    ),
    "Omit from_host, or set authentication: password.": "Quite from_host, o diga authentication: password.",
    "Wait for it to end, or restore again.": "Deje que termine, o restaure de nuevo.",
    "Wait for it to end, or restore again: the databases may be from different times.": (
        "Deje que termine, o restaure de nuevo: las bases de datos pueden ser de dos momentos."
    ),
    "Let it see them (bypass_row_security: true), or leave that database to another account.": (
        "Permítale verlas (bypass_row_security: true), o deje esa base de datos a otra cuenta."
    ),
    "List the sets with set_info.": "Liste las copias con set_info.",
    "List what it holds with set_info, or use another medium.": "Liste lo que contiene con set_info, o use otro medio.",
    "List what it holds with set_info.": "Liste lo que contiene con set_info.",
    "Check that directory on the other host; it does not look like a medium of this collection.": (
        "Mire ese directorio en el otro equipo; no parece un medio de esta colección."
    ),
    "Look at the message; the drill counts as not done.": "Vea el mensaje; el simulacro cuenta como no hecho.",
    "Look for names with __replaced_ in them by hand.": "Busque a mano nombres que contengan __replaced_.",
    "Inspect both, and drop by hand what is not needed.": "Mire ambas; elimine a mano la que no haga falta.",
    "Inspect both, and remove by hand what is not needed.": "Mire ambos; borre a mano lo que no haga falta.",
    "Create it (owner root, mode 0700) or name another one.": "Créelo (dueño root, permisos 0700) o nombre otro.",
    "Create it, or name another user.": "Créelo, o nombre otro usuario.",
    "Create it, or name another work_directory; it must have room for the largest source.": (
        "Créelo, o nombre otro work_directory; debe tener espacio para la fuente más grande."
    ),
    "Make the directory with the owner it is to have, or correct the target's path.": (
        "Cree el directorio con el dueño que debe tener, o corrija la ruta del destino."
    ),
    "Make the record's directory writable, and drill again: this one is not recorded.": (
        "Haga que se pueda escribir en el directorio del registro y repita el simulacro: este no quedó anotado."
    ),
    "Mount the volume; nothing was written.": "Monte el volumen; no se escribió nada.",
    "Move it away, then run again; nothing was touched.": "Muévalo de ahí y ejecute de nuevo; no se tocó nada.",
    "Name a target of the set's engine, or another set.": "Nombre un destino del motor de la copia, u otra copia.",
    "Name another user.": "Nombre otro usuario.",
    "Name each source by itself.": "Nombre cada fuente por separado.",
    "Name one of these paths; each is restored whole.": "Nombre una de estas rutas; cada una se restaura entera.",
    "Name only the outer one, or put them into two sources and exclude the inner one.": (
        "Nombre solo la exterior, o póngalas en dos fuentes y excluya la interior."
    ),
    "Name the database that the tables are put into, or restore the whole set under a new name.": (
        "Nombre la base de datos en la que se ponen las tablas, o restaure la copia entera con otro nombre."
    ),
    "Name the directories in it that hold data.": "Nombre los directorios en ella que contienen datos.",
    "Name those that transactions change together; make sources of the others.": (
        "Nombre las que las transacciones cambian juntas; haga fuentes de las otras."
    ),
    "Give two different places; nothing was changed.": "Nombre dos lugares; no se tocó nada.",
    (
        "Nothing incomplete was kept, and the other sources continued. Check the system journal (the host may have"
        " run out of memory), and run again."
    ): (
        "No se conservó nada incompleto, y las otras fuentes siguieron. Mire el registro del sistema (¿faltó "
        "memoria?) y ejecute de nuevo."
    ),
    "Nothing incomplete was kept; run it again.": "No se conservó nada incompleto; ejecute de nuevo.",
    "Nothing is known about the set. Check the drill host (backup_drill_host), and drill again.": (
        "Nada se sabe de la copia. Revise el equipo que restaura de prueba (backup_drill_host) y repita el simulacro."
    ),
    "Nothing is known about the set. Free disk space or memory, or install what is missing, and drill again.": (
        "Nada se sabe de la copia. Haga espacio, libere memoria o instale lo que falta, y repita el simulacro."
    ),
    "Nothing is known about the set. Raise the limit or free some space, and drill again.": (
        "Nada se sabe de la copia. Suba el límite o haga espacio, y repita el simulacro."
    ),
    "Nothing was restored. Find out who can write to the directory of deliveries, and repeat the restore.": (
        "No se restauró nada. Averigüe quién puede escribir donde llegan las entregas, y repita la restauración."
    ),
    "Nothing was stored. Use another copy of this set, and check the medium it came from.": (
        "No se guardó nada. Use otro ejemplar de esta copia, y revise el medio del que vino."
    ),
    "Nothing was stored. Verify the set (set_verify), and store another copy.": (
        "No se guardó nada. Verifique la copia (set_verify), y guarde otro ejemplar."
    ),
    "Open a ticket and give its number, which is recorded with the restore.": (
        "Abra un tiquete y dé su número: es el registro de la restauración."
    ),
    "Prepare the medium (playbook infitulua.backup.step1_prepare_media), or mount its volume.": (
        "Disponga el medio (playbook infitulua.backup.step1_prepare_media), o monte su volumen."
    ),
    "Prepare the systems computer (playbook infitulua.backup.step1_prepare_media).": (
        "Disponga el computador de sistemas (playbook infitulua.backup.step1_prepare_media)."
    ),
    "Prepare this host (playbook infitulua.backup.step1_prepare_media), or correct the path.": (
        "Disponga este equipo (playbook infitulua.backup.step1_prepare_media), o corrija la ruta."
    ),
    "Prepare this server (playbook infitulua.backup.step1_prepare_media), or give recipients.": (
        "Disponga este servidor (playbook infitulua.backup.step1_prepare_media), o dé los destinatarios."
    ),
    "Remove it on that host, where it is a directory medium (set_prune, or by hand).": (
        "Bórrela en ese equipo, donde es un medio de tipo directory (set_prune, o a mano)."
    ),
    "Remove it, or correct the engine.": "Quítela, o corrija el motor.",
    "Remove that copy, or deliver to another directory; sets are never overwritten.": (
        "Borre ese ejemplar, o entregue en otro directorio; las copias nunca se sobrescriben."
    ),
    "Remove the query, or name the source that it is for.": "Quite la pregunta, o nombre la fuente para la que es.",
    "Remove this file, after removing what the bucket holds of this set.": (
        "Borre este archivo, después de borrar lo que el depósito tenga de esta copia."
    ),
    "Rename it in the inventory.": "Cámbiele el nombre en el inventario.",
    "Restore another set.": "Restaure otra copia.",
    (
        "Restore as the account that began it. If nobody began one, somebody who may create databases made the "
        "journal: look into who that was, drop it, and restore again."
    ): (
        "Restaure con la cuenta que la comenzó. Si nadie comenzó una, el diario lo hizo alguien que puede crear "
        "bases de datos: averigüe quién fue, elimínelo y restaure de nuevo."
    ),
    "Restore into MariaDB {version} or newer.": "Restaure en MariaDB {version} o más nuevo.",
    "Restore into MySQL {version} or newer. A MySQL set cannot be restored into MariaDB, or the reverse.": (
        "Restaure en MySQL {version} o más nuevo. Entre MySQL y MariaDB no puede pasar ninguna copia."
    ),
    "Restore into PostgreSQL {version} or newer.": "Restaure en PostgreSQL {version} o más nuevo.",
    "Restore into a PostgreSQL that was built with ICU, as those of Linux distributions are.": (
        "Restaure en un PostgreSQL compilado con ICU, como los de las distribuciones de Linux."
    ),
    "Restore into a directory of their own (directory: …) and copy them from there.": (
        "Restaure en un directorio aparte (directory: …) y cópielos desde allí."
    ),
    "Restore into a directory on it (directory: …) and move what is needed.": (
        "Restaure en un directorio dentro de él (directory: …) y mueva lo que haga falta."
    ),
    "Restore into a server of the version that the set was taken from, or newer.": (
        "Restaure en un servidor de la versión de la que se tomó la copia, o más nuevo."
    ),
    "Restore into a server with the same setting.": "Restaure en un servidor con la misma configuración.",
    "Restore it again with database_restore and replace, then remove what was replaced.": (
        "Restáurela de nuevo con database_restore y replace, y luego borre lo reemplazado."
    ),
    (
        "Restore it again with database_restore and replace: that completes or rolls back what was interrupted, "
        "before anything else."
    ): ("Restáurela de nuevo con database_restore y replace: eso completa o deshace lo interrumpido, antes que nada."),
    "Restore it from an earlier set, or recover it (sqlite3 .recover); a damaged copy is no backup.": (
        "Restáurela de una copia anterior, o recupérela (sqlite3 .recover); copiar algo dañado no es tener una copia."
    ),
    "Restore them one schema at a time, each into a schema of its own.": (
        "Restáurelas un esquema a la vez, cada uno en su propio esquema."
    ),
    (
        "Restore under another name, or set replace: true to replace it (the replaced data is kept under a name with"
        " the date)."
    ): (
        "Restaure con otro nombre, o diga replace: true (en el paso 5, -e backup_restore_replace=true) para poner la "
        "copia en su lugar (lo que hay se conserva con un nombre fechado)."
    ),
    "Run again.": "Ejecute de nuevo.",
    "Run again once nobody replaces it.": "Ejecute de nuevo cuando nadie lo reemplace.",
    "Run again; if it happens again, exclude what is named here and report it.": (
        "Ejecute de nuevo; si continúa, excluya lo que aquí se nombra e infórmelo."
    ),
    "Run again; nothing of the set was kept.": "Ejecute de nuevo; no se conservó nada de la copia.",
    "Run again; the incomplete set was removed.": "Ejecute de nuevo; la copia incompleta se borró.",
    "Run as root or as the database's owner; nothing was written.": (
        "Ejecute como root o como el dueño de la base de datos; no se escribió nada."
    ),
    "Run as root, correct the permissions, or exclude them by name; nothing of the set was kept.": (
        "Ejecute como root, corrija los permisos o exclúyalos por su nombre; no se conservó nada de la copia."
    ),
    "Run as root, correct the permissions, or exclude them by name; nothing was written.": (
        "Ejecute como root, corrija los permisos o exclúyalos por su nombre; no se escribió nada."
    ),
    "Run as root, or restore into another directory.": "Ejecute como root, o restaure en otro directorio.",
    "Run as the medium's owner, or prepare the medium (playbook step1_prepare_media).": (
        "Ejecute como el dueño del medio, o disponga el medio (playbook step1_prepare_media)."
    ),
    "Run as the user that owns it, or correct its owner and mode; nothing was touched.": (
        "Ejecute como el usuario dueño, o corrija su dueño y sus permisos; no se tocó nada."
    ),
    "Run as the user that owns it.": "Ejecute como el usuario dueño.",
    "Run as the user who restored before, or move it away; nothing was touched.": (
        "Ejecute como el usuario que restauró antes, o muévalo de ahí; no se tocó nada."
    ),
    "See the cause.": "Vea la causa.",
    "Sets are never overwritten. If it was removed there, remove the file {path} and run again.": (
        "Las copias nunca se sobrescriben. Si allí se borró, borre el archivo {path} y ejecute de nuevo."
    ),
    "Sets are never overwritten; start a second later.": (
        "Las copias nunca se sobrescriben; comience un segundo después."
    ),
    "Stop it, then run again; nothing was touched.": "Deténgalo y ejecute de nuevo; no se tocó nada.",
    "Switch TLS on in the server, or correct ssl_mode.": "Active TLS en el servidor, o corrija ssl_mode.",
    "Switch it on (SET GLOBAL local_infile = 1) and run again; nothing was touched.": (
        "Actívelo (SET GLOBAL local_infile = 1) y ejecute de nuevo; no se tocó nada."
    ),
    "Take it away by hand (SHOW GRANTS FOR {account}), or choose another name.": (
        "Quíteselo a mano (SHOW GRANTS FOR {account}), o elija otro nombre."
    ),
    "The object store does not list the set. Verify it on its medium, and store another copy.": (
        "El almacén de objetos no lista la copia. Verifíquela donde está, y guarde otro ejemplar."
    ),
    "The other host does not list the set. Verify it on its medium, and store another copy.": (
        "El otro equipo no lista la copia. Verifíquela donde está, y guarde otro ejemplar."
    ),
    "The set is damaged or not this collection's: report it, and restore from another one.": (
        "La copia está dañada o no es de esta colección: infórmelo y restaure de otra."
    ),
    "The set is not what this collection writes: report it, and restore from another one.": (
        "La copia no es como las que escribe esta colección: infórmelo y restaure de otra."
    ),
    "The target is as it was. Do not use this set; find out who wrote it.": (
        "El destino está como estaba. No use esta copia; averigüe quién la escribió."
    ),
    "The target is as it was. Find out what delays it, or raise max_seconds, and run again.": (
        "El destino está como estaba. Averigüe qué la demora, o suba max_seconds, y ejecute de nuevo."
    ),
    "The target is as it was. Free space or correct the permissions, then run again.": (
        "El destino está como estaba. Libere espacio o corrija los permisos, y ejecute de nuevo."
    ),
    "The target is as it was. Restore another set, or raise max_seconds if the database is only large.": (
        "El destino está como estaba. Restaure otra copia, o suba max_seconds si la base de datos es solo grande."
    ),
    "The target is as it was. Restore from another copy of the set.": (
        "El destino está como estaba. Restaure de otro ejemplar de la copia."
    ),
    "The target was left as it was. Restore from another set, and report this one.": (
        "El destino se dejó como estaba. Restaure de otra copia, e informe de esta."
    ),
    (
        "The target was left as it was. Restore without strict to get everything else, or provide what these "
        "objects need."
    ): (
        "El destino se dejó como estaba. Restaure sin strict para tener todo lo demás, o provea lo que necesitan "
        "estos objetos."
    ),
    "The target was left as it was; correct the cause and run again.": (
        "El destino se dejó como estaba; corrija la causa y ejecute de nuevo."
    ),
    "Use a store that supports conditional puts and SHA-256 checksums; nothing of the set was stored.": (
        "Use un almacén que conozca escrituras condicionales y sumas SHA-256; no se guardó nada de la copia."
    ),
    "Use age or none.": "Use age o none.",
    "Use database_restore.": "Use database_restore.",
    "Use fewer jobs, end connections that nobody needs, or raise max_connections.": (
        "Use menos jobs, termine conexiones que nadie necesite, o suba max_connections."
    ),
    "Use files_restore.": "Use files_restore.",
    "Verify both copies with set_verify; sets are never overwritten.": (
        "Verifique ambos ejemplares con set_verify; las copias nunca se sobrescriben."
    ),
    "Verify both with set_verify, each where it may be read; sets are never overwritten.": (
        "Verifique ambas con set_verify, cada una donde se pueda leer; las copias nunca se sobrescriben."
    ),
    "Verify both with set_verify; sets are never overwritten.": (
        "Verifique ambas con set_verify; las copias nunca se sobrescriben."
    ),
    "Verify it first (set_verify, playbook infitulua.backup.step3_verify_result).": (
        "Verifíquela antes (set_verify, playbook infitulua.backup.step3_verify_result)."
    ),
    "Verify the set with set_verify and restore from another one.": (
        "Verifique la copia con set_verify y restaure de otra."
    ),
    "Verify the set with set_verify.": "Verifique la copia con set_verify.",
    "Verify the set with set_verify; restore from another copy.": (
        "Verifique la copia con set_verify; restaure de otro ejemplar."
    ),
    "Verify the set with set_verify; use another copy.": "Verifique la copia con set_verify; use otro ejemplar.",
    "Wait for it to end; nothing was touched.": "Espere a que termine; no se tocó nada.",
    "Write a backslash as \\\\, and a non-text byte as \\xHH, as messages do.": (
        "Escriba una barra invertida como \\\\, y un byte que no es texto como \\xHH: así se muestran los nombres."
    ),
    "Give the key that age-keygen creates for this one delivery.": (
        "Dé la llave que age-keygen crea solo para esta entrega."
    ),
    "Free some space there. Nothing is known about the set.": "Libere espacio allí. Nada se sabe de la copia.",
    "Check the drill host (backup_drill_host). Nothing is known about the sets.": (
        "Revise el equipo que restaura de prueba (backup_drill_host). Nada se sabe de las copias."
    ),
    "Do not restore it. Find out who put that into the database; restore from an older set.": (
        "No la restaure. Averigüe quién puso eso en la base de datos; restaure de una copia más antigua."
    ),
    "Remove it, and repeat the step.": "Elimínelo y repita el paso.",
    "Put it back, and run again. Nothing is known about the set.": (
        "Vuelva a ponerla y ejecute de nuevo. Nada se sabe de la copia."
    ),
    (
        "Give the server its keyring or key management plugin, with a key of that number, and run again; the target "
        "was left as it was."
    ): (
        "Dele al servidor su complemento de llaves (keyring o key management), con una llave de ese número, y repita; "
        "el destino quedó como estaba."
    ),
    "Check the medium's options.": "Revise las opciones del medio.",
    "Name its certificate authority with ca_bundle; do not switch validate_certs off.": (
        "Nombre su autoridad certificadora con ca_bundle; no desactive validate_certs."
    ),
    "Give a profile, or access_key and secret_key.": "Dé un perfil, o access_key y secret_key.",
    "Prepare this host (playbook infitulua.backup.step1_prepare_media).": (
        "Prepare este equipo (infitulua.backup.step1_prepare_media)."
    ),
    "Check the network, the name and that the store is up; then run again.": (
        "Revise la red, el nombre y que el almacén funcione, y repita."
    ),
    "Run again: an upload goes on where it stopped.": "Repita: una subida sigue donde quedó.",
    "Correct its policy at the provider and run again.": "Corrija su política en el proveedor y repita.",
    "Give for each clock a number of seconds, as this module returns it as ahead_seconds.": (
        "Dé para cada reloj un número de segundos, tal como este módulo lo devuelve en ahead_seconds."
    ),
    "Give for each host the list of its sources, as the filter recorded_sources returns it.": (
        "Dé para cada equipo la lista de sus fuentes, tal como la devuelve el filtro recorded_sources."
    ),
}
