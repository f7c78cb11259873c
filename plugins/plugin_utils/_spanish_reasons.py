# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something failed, in Spanish."""

from __future__ import annotations

REASONS = {
    "it took longer than {number} seconds": "tardó más de {number} segundos",
    "it took more room than {number} bytes": "ocupó más de {number} bytes",
    "it took more than {number} seconds of processor time": "usó más de {number} segundos de procesador",
    "it would take about {number} bytes, and {allowed} are allowed": (
        "ocuparía unos {number} bytes, y se permiten {allowed}"
    ),
    "it would take about {number} bytes, and {free} are free in {place}": (
        "ocuparía unos {number} bytes, y hay {free} libres en {place}"
    ),
    "its process or its work directory cannot be created: {text_why}": (
        "no se puede crear su proceso o su directorio de trabajo: {text_why}"
    ),
    "it is not an age public key": "no es una llave pública de age",
    "it takes {bytes} bytes in {where}, where {free} are free, half of which are reserved for other work": (
        "ocupa {bytes} bytes en {where}, donde hay {free} libres y la mitad es para otros trabajos"
    ),
    "the drill host {id} could not be reached": "no se pudo llegar al equipo que restaura de prueba, {id}",
    "it could not be done on the drill host {id}: {text_why}": (
        "no se pudo hacer en el equipo que restaura de prueba, {id}: {text_why}"
    ),
    "it gave no answer": "no respondió",
    "it did not go at once": "no se borró de inmediato",
    "the answer of the drill host {id} cannot be understood": (
        "no se entiende la respuesta del equipo que restaura de prueba, {id}"
    ),
    "what was delivered is not what was sent; somebody changed it on the way": (
        "lo entregado no es lo que se envió; alguien lo cambió en el camino"
    ),
    "what was drilled on the drill host {id} is not what was delivered": (
        "lo que se restauró de prueba en el equipo {id} no es lo que se le entregó"
    ),
    "it has no name": "no tiene nombre",
    "no database was named for it": "no se nombró ninguna base de datos para ella",
    "a password was given, and with authentication local there is none": (
        "se dio una contraseña, y con authentication local no la hay"
    ),
    "authentication is password, and none was given": "authentication es password, y no se dio ninguna",
    "the operating system can authenticate users of the server's own host only, and login_host was given": (
        "el sistema operativo solo responde por los usuarios del equipo del servidor, y se dio login_host"
    ),
    "this version of the collection does not know the engine {name}": (
        "esta versión de la colección no conoce el motor {name}"
    ),
    "processing untrusted data requires bwrap, which is not installed": (
        "lo que puede ser hostil debe aislarse, y bwrap no está instalado"
    ),
    "its format is {found}; this version of the collection reads format {number}": (
        "su formato es {found}; esta versión de la colección lee el formato {number}"
    ),
    "its process exited without a result (exit status {status})": (
        "su proceso terminó sin decir nada (estado de salida {status})"
    ),
    "{program} is not installed on this host": "{program} no está instalado en este equipo",
    "{product} {version} or newer is not installed on this host": (
        "{product} {version} o más nuevo no está instalado en este equipo"
    ),
    "the throw-away {product} did not start: it said nothing": (
        "el servidor de prueba {product} no arrancó: no dijo nada"
    ),
    "the throw-away {product} did not start: {output}": "el servidor de prueba {product} no arrancó: {output}",
    "a socket cannot be made in {path}: the path is too long": (
        "no se puede crear un socket en {path}: la ruta es demasiado larga"
    ),
    "the server does not show how it is made: {output}": "el servidor no muestra cómo está hecha: {output}",
    "the server refused an index, a constraint or a view's rows (its log says why); whether the server itself is at"
    " fault cannot be told, because it does not speak English to this user: restore as a superuser, or have one set"
    " that right (ALTER ROLE … SET lc_messages = 'C')": (
        "el servidor rechazó un índice, una restricción o las filas de una vista (su registro dice por qué); no se"
        " puede saber si la falla es del servidor mismo, porque no le habla en inglés a este usuario: restaure como"
        " superusuario, o pida a uno que lo corrija (ALTER ROLE … SET lc_messages = 'C')"
    ),
    "the server refused it, in words that may quote what is stored (its log has them)": (
        "el servidor la rechazó, con palabras que pueden citar lo guardado (están en su registro)"
    ),
    "only an object store is audited": "solo se audita un almacén de objetos",
    "there are foreign objects in one of its places: {output_names}; the set itself is undamaged, at {place}": (
        "hay objetos ajenos en uno de sus lugares: {output_names}; la copia misma está completa, en {place}"
    ),
    "there is a set with a time in the future": "hay una copia con una hora que todavía no llega",
    "reading its objects is refused: {output}": "lo que hay allí no se deja leer: {output}",
    "what is stored there is not the set that should be there: {output}": (
        "lo que hay allí no es la copia que se iba a guardar: {output}"
    ),
    "these of its objects have since been deleted or changed: {names}": (
        "estos de sus objetos desaparecieron o cambiaron desde entonces: {names}"
    ),
    "it lacks something ({why}), and without that a restore leaves out {names}": (
        "le falta algo ({why}), y sin eso una restauración no hace {names}"
    ),
    "it holds none that is not after {at} but {names}": "no contiene ninguna hasta {at}, salvo {names}",
    "it holds none that is not after {at}": "no contiene ninguna hasta {at}",
    "it holds none but {names}": "no contiene ninguna, salvo {names}",
    "it holds none": "no contiene ninguna",
    "its backup.json could not be read back: {output}": "su backup.json no se podría leer de nuevo: {output}",
    "it is not exactly one OpenSSH signature, or something was added to it": (
        "no es exactamente una firma de OpenSSH, o se le añadió algo"
    ),
    "there was too little memory": "faltó memoria",
    "an unexpected error: {output}": "un error que nadie previó: {output}",
    "it says of {path} that it has {number} bytes and the SHA-256 {digest}: it has not": (
        "dice que {path} tiene {number} bytes y el SHA-256 {digest}: no es así"
    ),
    "the server took other values than the set holds: {names}": (
        "el servidor tomó valores distintos de los de la copia: {names}"
    ),
    "the server takes no events (event_scheduler is DISABLED)": (
        "el servidor no acepta eventos (event_scheduler está en DISABLED)"
    ),
    "it says ERROR {output}": "dice ERROR {output}",
    "the set holds rows of tables whose rows are stored elsewhere; restoring them would write there: {names}": (
        "la copia contiene filas de tablas cuyas filas están en otro lugar, y restaurarlas sería escribir allí: {names}"
    ),
    "not tried, because another server gave no answer for {name}": (
        "no se intentó, porque otro servidor no respondió por {name}"
    ),
    "it needs rights on another database": "necesita permisos sobre otra base de datos",
    "the server refuses it (ERROR {output})": "el servidor la rechaza (ERROR {output})",
    "their rows are stored elsewhere, and the set {id} holds only their definitions": (
        "sus filas están en otro lugar, y la copia {id} solo contiene cómo se crean"
    ),
    "the recreated table differs from the original": "la tabla no es como era",
    "names of roles are not UTF-8, and pg_dumpall cannot ask for them: {names}": (
        "hay nombres de roles que no son UTF-8, y pg_dumpall no puede pedirlos: {names}"
    ),
    "it was made by an earlier version of this collection, with the database's settings in backup.json": (
        "la hizo una versión anterior de esta colección, con la configuración de la base de datos en backup.json"
    ),
    (
        "of this table of the extension {name}, pg_dump takes only those that its filter names; whether there are "
        "others was not looked at"
    ): ("de esta tabla de la extensión {name}, pg_dump solo toma las que nombra su filtro; no se miró si hay otras"),
    (
        "of this table of the extension {name}, pg_dump takes none of them; whether there are others was not looked at"
    ): "de esta tabla de la extensión {name}, pg_dump no toma ninguna; no se miró si hay otras",
    (
        "of this table of the extension {name}, pg_dump takes only those that its filter names: {number} of its "
        "{total} rows are in no set"
    ): (
        "de esta tabla de la extensión {name}, pg_dump solo toma las que nombra su filtro: {number} de sus {total} "
        "filas no están en ninguna copia"
    ),
    "of this table of the extension {name}, pg_dump takes none of them: {number} of its {total} rows are in no set": (
        "de esta tabla de la extensión {name}, pg_dump no toma ninguna: {number} de sus {total} filas no están en "
        "ninguna copia"
    ),
    "it is encrypted by its server, and this one lacks the key (or a plugin that manages keys)": (
        "su servidor la cifra, y este no tiene una llave para ella (o nada que guarde llaves)"
    ),
    "no such module: {name}": "no existe el módulo {name}",
    "no such function: {name}": "no existe la función {name}",
    "no such collation sequence: {name}": "no existe el orden de textos {name}",
    "no such tokenizer: {name}": "no existe el separador de palabras {name}",
    "unknown tokenizer: {name}": "no existe el separador de palabras {name}",
    "it does not index what its content table holds now": "no indexa lo que su tabla de contenido tiene ahora",
    "{number} of its keys are not in the order of this SQLite, but all are there ({output})": (
        "{number} de sus claves no están en el orden de este SQLite, pero todas están ({output})"
    ),
    (
        "{number} of its keys are not those that this SQLite computes: either the application computes them in its own "
        "way, or the index is damaged (REINDEX with the application makes it anew) ({output})"
    ): (
        "{number} de sus claves no son las que este SQLite calcula: o la aplicación las calcula a su modo, o el índice "
        "está dañado (REINDEX con la aplicación lo hace de nuevo) ({output})"
    ),
    "the certificate of {place} is not trusted ({output})": "el certificado de {place} no es de confianza ({output})",
    "there are no credentials for it": "no hay credenciales para ella",
    "the connection to {place} was lost ({output})": "se perdió la conexión con {place} ({output})",
    "no connection to {place} ({output})": "no hay conexión con {place} ({output})",
    'extension "{name}" is not available': 'la extensión "{name}" no está disponible',
    "the server refused it": "el servidor lo rechazó",
    "the server refused it (SQLSTATE {code})": "el servidor lo rechazó (SQLSTATE {code})",
    "its expression could not be computed for the rows; the column is an ordinary one, and empty": (
        "su expresión no se pudo calcular para las filas; la columna es una corriente, y está vacía"
    ),
    (
        "its expression could not be computed for the rows; the column is an ordinary one, with the values that it had"
    ): "su expresión no se pudo calcular para las filas; la columna es una corriente, con los valores que tenía",
    "there is no more room in {path} ({output})": "no queda espacio en {path} ({output})",
    "the confined process ended with exit status {status}: {output}": (
        "el proceso aislado terminó con estado de salida {status}: {output}"
    ),
    "it is not an age public key, and without it the loss of the systems computer would make every backup unreadable": (
        "no es una llave pública de age, y sin ella la pérdida del computador de sistemas haría ilegibles todas las "
        "copias"
    ),
    "there is none, and without it the loss of the systems computer would make every backup unreadable": (
        "no hay ninguna, y sin ella la pérdida del computador de sistemas haría ilegibles todas las copias"
    ),
    "what the extension {name} made is made by it anew, and pg_dump leaves changes out": (
        "la extensión {name} crea de nuevo lo que hizo, y pg_dump no incluye los cambios"
    ),
    "tables of the set need extensions that the server lacks: {names}": (
        "hay tablas de la copia que necesitan extensiones que el servidor no tiene: {names}"
    ),
    (
        "its definition, as the server writes it down, does not resolve without the search_path that it was made in "
        "(SQLSTATE {code})"
    ): (
        "su definición, como la escribe el servidor, no se resuelve sin el search_path con el que se creó (SQLSTATE "
        "{code})"
    ),
    "the name is not UTF-8, and the server would take what is shown for the name itself": (
        "el nombre no es UTF-8, y el servidor tomaría lo que se muestra por el nombre mismo"
    ),
    "the server lacks roles whose names are not UTF-8, and cannot be given them: {names}": (
        "al servidor le faltan roles cuyos nombres no son UTF-8, y no se le pueden dar: {names}"
    ),
    "it needs the search_path of the database, or the rows of other tables": (
        "necesita el search_path de la base de datos, o las filas de otras tablas"
    ),
    "it is there, but could not be validated against the rows (SQLSTATE {code}): NOT VALID": (
        "está, pero no se pudo validar con las filas (SQLSTATE {code}): NOT VALID"
    ),
    "it has more than {number} files, which no set of this collection has": (
        "tiene más de {number} archivos, y ninguna copia de esta colección los tiene"
    ),
    "its copy there has not been audited, but other sets of its source have been": (
        "no se ha auditado allí como está, y otras copias de su fuente sí"
    ),
    "it was stored at {places} places, and no audit has found it undamaged at any of them": (
        "se guardó en {places} lugares, y ninguna auditoría la encontró entera en ninguno"
    ),
    "there is no complete set there": "allí no hay nada completo",
    "no connection to {host} (network is unreachable)": "no hay conexión con {host} (no se puede llegar a la red)",
    "Payload-Oxum is {said}, the payload here is {found} (bytes.files)": (
        "Payload-Oxum es {said}, y el contenido aquí es {found} (bytes.archivos)"
    ),
    "SHA-256 is {found}, the manifest says {said} ({number} bytes read)": (
        "SHA-256 es {found}, el manifiesto dice {said} ({number} bytes leídos)"
    ),
    "this host lacked something ({why}): {output}": "a este equipo le faltó algo ({why}): {output}",
    "the drill's process failed: {text_why} (check the system journal; the host may have run out of memory)": (
        "el proceso de la restauración de prueba falló: {text_why} (vea el diario del sistema: ¿faltó memoria?)"
    ),
    "this is the size of the source, because there is no earlier set to estimate from": (
        "la fuente contiene eso, y no hay una copia anterior por la cual juzgar"
    ),
    "the last set is {number} bytes": "la última copia tiene {number} bytes",
    "except_databases was given without databases": "se dio except_databases sin databases",
    "database and databases were both given": "se dieron a la vez database y databases",
    "databases is empty": "databases está vacío",
    "External-Identifier is {said}, but the set is at {id}": "External-Identifier es {said}, y la copia está en {id}",
    "backup.json names it": "backup.json la nombra",
    "backup.json does not name it": "backup.json no la nombra",
    "out of memory": "faltó memoria",
    "it gave no reason": "no dijo por qué",
    "it is not valid text": "contiene lo que ningún texto puede ser",
    "inspecting it, which may take {number} seconds of processor time, was ended: {output}": (
        "se terminó su examen, que puede tomar {number} segundos de procesador: {output}"
    ),
    "each path of attached must be absolute": "cada ruta de attached debe ser absoluta",
    "it is written to all the time, and a copy with writers held off takes over {number} s": (
        "se escribe en ella todo el tiempo, y copiarla deteniendo a quien escribe toma más de {number} s"
    ),
    "inspecting it does not end: an index, a computed column or a rule in its schema takes very long": (
        "su examen no termina: un índice, una columna calculada o una regla de su esquema tarda mucho"
    ),
    "it has been locked for over {number} s; open in {names}": (
        "lleva más de {number} s bloqueada; la tiene abierta {names}"
    ),
    "this user may only read it, and SQLite has to lock it ({why})": (
        "este usuario solo puede leerla, y SQLite tiene que bloquearla ({why})"
    ),
    "but {path}, by which SQLite tells whether it was finished, is not there": (
        "pero no está {path}, por el que SQLite sabe si se terminó"
    ),
    "and has also changed {names}": "y también cambió {names}",
    "it is empty": "está vacía",
    "it cannot be read: {output}": "no se puede leer: {output}",
    "{url} is not an endpoint": "{url} no es la dirección de un almacén de objetos",
    "it refuses the credentials ({code})": "rechaza las credenciales ({code})",
    "this host's clock differs too much from the store's": "la hora de este equipo difiere demasiado de la del almacén",
    "there is no such bucket": "no existe ese depósito",
    "the bucket is in another region ({output})": "el depósito está en otra región ({output})",
    "the store does not allow this key to do it ({code})": "el almacén no se lo permite a esta llave ({code})",
    "the bytes that arrived are not those of the manifest (BadDigest)": (
        "los bytes que llegaron no son los del manifiesto (BadDigest)"
    ),
    "{text_why}, {number} times in a row, for {n} seconds": "{text_why}, {number} veces seguidas, durante {n} segundos",
    "bandwidth.{name} is {text}: {why}": "bandwidth.{name} es {text}: {why}",
    "proxy_url holds a user or a password, which would be shown wherever options are": (
        "proxy_url lleva un usuario o una contraseña, que se vería donde se muestran las opciones"
    ),
    "the file {path} is not what the manifest says": "el archivo {path} no es lo que dice el manifiesto",
    "proxy_url is no http or https URL": "proxy_url no es una URL http ni https",
    "the proxy {name} does not connect to {where} ({why})": "el proxy {name} no conecta con {where} ({why})",
    "the connection was lost after {n} of {total} bytes, {number} times in a row": (
        "la conexión se perdió tras {n} de {total} bytes, {number} veces seguidas"
    ),
    "the store offers {n} bytes of it, the listing says {number}": (
        "el almacén ofrece {n} bytes, el listado dice {number}"
    ),
    "the host key of {host} is not the one in the known-hosts file": (
        "la llave de {host} no es la del archivo de equipos conocidos (known_hosts)"
    ),
    "the host key of {host} is not in the known-hosts file": (
        "la llave de {host} no está en el archivo de equipos conocidos (known_hosts)"
    ),
    "others may read the private key file, so ssh does not use it": (
        "otros pueden leer el archivo de la llave privada, y por eso ssh no la usa"
    ),
    "{host} does not accept the key for the user {user}": "{host} no acepta la llave para el usuario {user}",
    "{host} does not accept the key for the user that runs this": (
        "{host} no acepta la llave para el usuario que ejecuta esto"
    ),
    "no connection to {host} ({output})": "no hay conexión con {host} ({output})",
    "the key is bound to {path} there": "la llave está limitada allí a {path}",
    "another transfer into that directory is running": "hay otra transferencia a ese directorio en curso",
    "the disk is full (on either side)": "el disco está lleno (en uno de los dos lados)",
    "the directory {path}, or what was requested in it, does not exist": (
        "el directorio {path}, o lo que se pidió de él, no está"
    ),
    "rsync is not installed on {host}": "rsync no está instalado en {host}",
    "the connection to {host} was lost": "se perdió la conexión con {host}",
    "it is not there": "no está ahí",
    "{program} ended with exit status {status}": "{program} terminó con estado de salida {status}",
    "{program} was killed by {signal}": "a {program} lo mató {signal}",
    "{program} was killed by {signal}: {output}": "a {program} lo mató {signal}: {output}",
    "it lists {name} as a {kind}, which MySQL lacks": "MySQL no tiene {kind}, que es como la copia guarda {name}",
    "PostgreSQL {major} has no role {role}, so no account can be sure to read every table": (
        "PostgreSQL {major} no tiene el rol {role}, así que ninguna cuenta puede estar segura de leer cada tabla"
    ),
    "a backslash is followed neither by another one nor by x and two hexadecimal digits (but 00)": (
        "a una barra invertida no la sigue otra, ni x y dos dígitos hexadecimales (salvo 00)"
    ),
    "a different set of the same id is there": "allí hay una copia distinta con el mismo nombre",
    "a drill does not run as root": "un simulacro no se ejecuta como root",
    "a file system is mounted there, and a mount point cannot be swapped by rename": (
        "allí hay montado un sistema de archivos, y un punto de montaje no se puede intercambiar"
    ),
    "a restore of it is running or was interrupted ({path} is there)": (
        "hay una restauración suya en curso, o murió ({path} está ahí)"
    ),
    "a restore of it was interrupted (its journal is in the database {name})": (
        "una restauración suya se interrumpió (su diario está en la base de datos {name})"
    ),
    (
        "a restore of it was interrupted (its journal is in the database {name}), so its triggers and other "
        "programs may be missing"
    ): (
        "una restauración suya se interrumpió (su diario está en la base de datos {name}), así que pueden faltar sus "
        "disparadores y otros programas"
    ),
    "a restore of them is running or was interrupted while putting them in place ({path})": (
        "hay una restauración de ellas en curso, o murió mientras ponía una tras otra en su lugar ({path})"
    ),
    "a set that is delivered stays where it is, but move was given": (
        "una copia que se entrega se queda donde está, y se pidió move"
    ),
    "a time is not negative": "un tiempo no es negativo",
    "a transaction over several databases was interrupted in it, {text_why}": (
        "en ella murió una transacción que cambia varias bases de datos a la vez, {text_why}"
    ),
    "an upload with different content was begun under this id (tag manifest {begun}…, this one is {this}…)": (
        "con este nombre se comenzó a subir otro contenido (manifiesto de etiquetas {begun}…, el de esta es {this}…)"
    ),
    "another file was put in its place while it was opened": "otro archivo ocupó su lugar mientras se abría",
    "another process is using it": "otro proceso trabaja en él",
    "another restore into it is running": "hay otra restauración en curso en ella",
    "another restore of it is running": "hay otra restauración suya en curso",
    "another run is working on it": "otra ejecución trabaja en ella",
    "another run is working on it (process {process})": "otra ejecución trabaja en ella (proceso {process})",
    "another source has this name, or could have it, and their sets could not be told apart": (
        "otra fuente tiene este nombre, o podría tenerlo, y sus copias no se podrían distinguir"
    ),
    "both are the same place": "ambos son el mismo lugar",
    (
        "through a name pattern it has privileges on {database}, but lacks {missing}; a grant on its exact name would "
        "hide {hidden}"
    ): (
        "por un patrón de nombres tiene permisos sobre {database}, pero le faltan {missing}; unos permisos sobre su "
        "nombre exacto ocultarían {hidden}"
    ),
    "columns use collations that the server lacks: {names}": (
        "hay columnas que usan ordenamientos (collations) que el servidor no tiene: {names}"
    ),
    "concurrency is {number}": "concurrency es {number}",
    "encryption is none and yet recipients were given": "encryption es none y sin embargo se dieron destinatarios",
    "encryption is on and no public key was given to encrypt to": (
        "se pide cifrar y no se dio ninguna llave pública con la cual hacerlo"
    ),
    "it became shorter while it was read": "se acortó mientras se leía",
    "it does not begin as a SQLite database does: it is something else, damaged, or encrypted": (
        "no comienza como una base de datos SQLite: es otra cosa, está dañada o está cifrada"
    ),
    "it does not exist": "no existe",
    "it does not have the form host/source/time": "no tiene la forma servidor/fuente/hora",
    "it does not hold {names}": "no contiene {names}",
    "it exists and holds data": "existe y contiene datos",
    "it has no backup.json": "no tiene backup.json",
    "it has not been verified there": "no se ha verificado allí",
    "it has not been verified there with its signature": "no se ha verificado allí con su firma",
    "it has {bytes} bytes, and {free} are free here": "tiene {bytes} bytes, y aquí hay {free} libres",
    "it holds a file with an unsafe path: {path}": "contiene un archivo con una ruta insegura: {path}",
    "it holds none that is not suspect": "no contiene ninguna que no sea sospechosa",
    "it holds none that is not suspect and not after {at}": "no contiene ninguna que no sea sospechosa hasta {at}",
    "it holds over {number} bytes": "contiene más de {number} bytes",
    "it holds something, and would be replaced by those few tables": (
        "contiene algo, y esas pocas tablas lo reemplazarían"
    ),
    "it holds {number} attached databases ({names}), and attached names {given}": (
        "contiene {number} bases de datos adjuntas ({names}), y attached nombra {given}"
    ),
    "it is a private key": "es una llave privada",
    "it is damaged: {list_findings}": "está dañada: {list_findings}",
    "it is encrypted and no identity was given": "está cifrada y no se dio ninguna llave para descifrarla",
    "it is neither a whole path nor a name alone": "no es una ruta completa ni un nombre solo",
    "it is not MariaDB's: {output}": "no es el de MariaDB: {output}",
    "it is not MySQL's of version 8.0 or newer: {output}": "no es el de MySQL 8.0 o más nuevo: {output}",
    "it is not a UTC time such as 20261122T030000Z": "no es una hora UTC como 20261122T030000Z",
    "it is not absolute": "no es absoluta",
    "it is not between 1 and {number}": "no está entre 1 y {number}",
    "it is not installed in {directory}": "no está instalado en {directory}",
    "it is not installed on this host": "no está instalado en este equipo",
    "its name does not have the form of a restore's name (restore-20261122T171503Z-4711)": (
        "no se llama como las restauraciones (restore-20261122T171503Z-4711)"
    ),
    "it is not there or empty, and the replaced data may be the only copy": (
        "no está o está vacía, y lo reemplazado puede ser todo lo que hay"
    ),
    "it is not what this engine writes: {text_error}": "no es lo que escribe este motor: {text_error}",
    "it is open in {names}, which would continue to write to the old file": (
        "está abierta en {names}, que seguiría escribiendo en la anterior"
    ),
    "it is the administrator's own account, or one of the server's own": (
        "es la cuenta del propio administrador, o una de las del servidor"
    ),
    "it is the administrator's own role, or one of the server's own": (
        "es el rol del propio administrador, o uno de los del servidor"
    ),
    "it is the server's own, or longer than {number} characters": (
        "es del propio servidor, o tiene más de {number} caracteres"
    ),
    "it is already there, encrypted to {names}": "ya está allí, cifrada para {names}",
    "it is there, and would be replaced by those few files": "ya existe, y esos pocos archivos lo reemplazarían",
    "it is {version}, and GNU tar 1.29 or newer is needed": "es {version}, y se necesita GNU tar 1.29 o más nuevo",
    "it must start with a letter or digit and hold only letters, digits, '.', '_' and '-' (128 at most)": (
        "debe comenzar por una letra o un dígito y tener solo letras, dígitos, '.', '_' y '-' (128 a lo sumo)"
    ),
    "it needs version {major} or newer, but this host has {version} ({directory})": (
        "necesita la versión {major} o más nueva, y aquí está {version} ({directory})"
    ),
    "it owns objects, in: {names}; their owner may alter and drop them": (
        "es dueño de objetos, en: {names}; su dueño puede modificarlos y eliminarlos"
    ),
    "it printed no version: {output}": "no mostró ninguna versión: {output}",
    "it took longer than the limit of {number} seconds (max_seconds)": (
        "tardó más de los {number} segundos permitidos (max_seconds)"
    ),
    "it was written by the engine {engine}, the target is one of {target}": (
        "la escribió el motor {engine}, y el destino es de {target}"
    ),
    "it was written by the engine {engine}; this module restores {engines}": (
        "la escribió el motor {engine}; este módulo restaura {engines}"
    ),
    "its SHA-256 is {found}, the manifest says {expected}": "su SHA-256 es {found}, el manifiesto dice {expected}",
    "its backup.json lists no part {part}": "su backup.json no lista la parte {part}",
    "its client has no ssl_mode {mode}": "su cliente no tiene ssl_mode {mode}",
    "its copy could not be verified at the destination": "su copia no se pudo verificar donde llegó",
    "its description of the database is invalid": "su descripción de la base de datos no lo es",
    "its description of the files is invalid: {text_error}": "su descripción de los archivos no lo es: {text_error}",
    "its journal names a file as SQLite never does ({path}), and SQLite would remove that file": (
        "su diario nombra un archivo como SQLite nunca lo hace ({path}), y SQLite borraría ese archivo"
    ),
    "its journal, the database {name}, is not trusted: {text_why}": (
        "no se confía en su diario, la base de datos {name}: {text_why}"
    ),
    "its listing is longer than {number} bytes": "su listado tiene más de {number} bytes",
    "its payload is larger than the {number} bytes that were written": (
        "su contenido es más grande que los {number} bytes que se escribieron"
    ),
    "its sources are on no server that could be asked": (
        "sus fuentes no están en ningún servidor al que se pudiera preguntar"
    ),
    "its tables or programs were altered while the dump began": (
        "sus tablas o programas cambiaron mientras comenzaba la copia"
    ),
    "its {manifest} cannot be read ({why})": "no se puede leer su {manifest} ({why})",
    "login_host and login_unix_socket were both given": "se dieron a la vez login_host y login_unix_socket",
    "minimum_fraction is {number}, not a fraction from 0 to 1": (
        "minimum_fraction es {number}, que no es una fracción de 0 a 1"
    ),
    "neither a set's id nor a host and a source were given": (
        "no se dio ni el nombre de una copia ni un servidor y una fuente"
    ),
    "new sets are written to a directory; set_copy copies them to other media": (
        "las copias nuevas se escriben en un directorio; set_copy las lleva a otros medios"
    ),
    "no help-desk ticket was given": "no se dio un tiquete de la mesa de ayuda",
    "nothing in the set {id} has such a name; it holds what lies in {paths}": (
        "nada en la copia {id} se llama así; contiene lo que está en {paths}"
    ),
    "nothing is mounted on {path}": "no hay nada montado en {path}",
    "nothing of it is there": "no hay nada de ella allí",
    "of {listed} names {number} are missing in the archive, and tar did not say why": (
        "de {listed} nombres faltan {number} en el archivo tar, y tar no dijo por qué"
    ),
    "of {listed} names {number} are too many in the archive, and tar did not say why": (
        "de {listed} nombres sobran {number} en el archivo tar, y tar no dijo por qué"
    ),
    "one lies in the other": "una está dentro de la otra",
    "only databases answer queries": "solo las bases de datos responden preguntas",
    "only directories and regular files can be restored beside and swapped": (
        "solo directorios y archivos regulares se pueden restaurar al lado e intercambiar"
    ),
    "policies hide rows {readable} from it, in: {names}": "hay políticas que le ocultan filas {readable}, en: {names}",
    "roles that its objects name are neither on the server nor in the set: {names}": (
        "los roles que nombran sus objetos no están ni en el servidor ni en la copia: {names}"
    ),
    "sets on another host are not removed over the network": "las copias de otro equipo no se borran por la red",
    "several of the tables have the same name: {names}": "varias de las tablas se llaman igual: {names}",
    "something wrote to its file, ignoring SQLite's locks, while it was read": (
        "algo escribió en su archivo sin respetar los bloqueos de SQLite mientras se leía"
    ),
    "tables of other databases refer to it, and would refer to the replaced one: {names}": (
        "hay tablas de otras bases de datos que hacen referencia a ella, y la harían a la reemplazada: {names}"
    ),
    "tar ended with exit status {status}: {output}": "tar terminó con estado de salida {status}: {output}",
    "tar wrote what a restore would refuse: {text_error}": (
        "tar escribió lo que una restauración rechazaría: {text_error}"
    ),
    "that schema exists already": "ese esquema ya existe",
    "the Python library boto3 is not installed for {python}": (
        "la biblioteca boto3 de Python no está instalada para {python}"
    ),
    "the administrator is not a superuser, and may not see what the account holds": (
        "el administrador no es superusuario, y no puede ver lo que tiene la cuenta"
    ),
    "the archive contains what this collection never writes: {text_error}": (
        "el archivo tar contiene lo que ninguno de esta colección contiene: {text_error}"
    ),
    "the client ended with exit status {status}": "el cliente terminó con estado de salida {status}",
    "the confined process was killed by {signal}: {output}": "al proceso aislado lo mató {signal}: {output}",
    "the connection is not encrypted, and ssl_mode demands that": "la conexión no está cifrada, y ssl_mode lo exige",
    "the database is empty, and the replaced data may be the only copy": (
        "la base de datos está vacía, y lo reemplazado puede ser todo lo que hay"
    ),
    "the database is not there or empty, and the replaced data may be the only copy": (
        "la base de datos no está o está vacía, y lo reemplazado puede ser todo lo que hay"
    ),
    "the directory does not exist": "el directorio no existe",
    "the engine {engine} does not know how": "el motor {engine} no sabe hacerlo",
    "the engine {engine} does not take it": "el motor {engine} no la acepta",
    "the engine {engine} does not take it (it takes {names})": "el motor {engine} no la acepta (acepta {names})",
    "the file {path} does not exist or may not be read": "el archivo {path} no está o no se puede leer",
    "the medium {path} lies in it, and each set would hold all earlier ones": (
        "el medio {path} está dentro de ella, y cada copia contendría todas las anteriores"
    ),
    "the name is longer than {number} bytes, and PostgreSQL would cut it off": (
        "el nombre tiene más de {number} bytes, y PostgreSQL lo cortaría"
    ),
    "the name of {entry} and of the database {database} together has {number} characters, and 128 is the most": (
        "el nombre de {entry} y el de la base de datos {database} suman {number} caracteres, y el máximo es 128"
    ),
    "the operating system can authenticate users of the server's own host only": (
        "el sistema operativo solo responde por los usuarios del equipo del servidor"
    ),
    "the operation was cancelled": "la operación se abandonó",
    "the option database was not given": "no se dio la opción database",
    "the password holds a line break, which no password file can hold": (
        "la contraseña contiene un salto de línea, que ningún archivo de contraseñas puede llevar"
    ),
    "the run was told to stop ({signal})": "se pidió detener la ejecución ({signal})",
    "the server carried out every statement, but the account still {list_findings}": (
        "el servidor hizo lo que se le dijo, y aun así la cuenta {list_findings}"
    ),
    "the server does not parse it as a single statement: {statement}": (
        "el servidor no la acepta como una sola sentencia: {statement}"
    ),
    "the server has no collation {name}": "el servidor no tiene el ordenamiento (collation) {name}",
    "the server has no database of this name that this account may see": (
        "el servidor no tiene una base de datos con este nombre que esta cuenta pueda ver"
    ),
    "the server has no database {names}": "el servidor no tiene la base de datos {names}",
    "the server has no database {names} that can be connected to": (
        "el servidor no tiene la base de datos {names}, o no acepta conexiones"
    ),
    "the server has no role {name}, which is to own everything": (
        "el servidor no tiene el rol {name}, que ha de ser dueño de todo"
    ),
    "the server has none for {names}": "el servidor no tiene ninguna para {names}",
    "the server lacks the plugin {name}, which lets the operating system authenticate users": (
        "el servidor no tiene el plugin {name}, con el que el sistema operativo responde por los usuarios"
    ),
    "the server is PostgreSQL {major}, and no suitable client is installed here": (
        "el servidor es PostgreSQL {major}, y ningún cliente de aquí le sirve"
    ),
    "the server is not MariaDB but {version}": "el servidor no es MariaDB sino {version}",
    "the server is not MySQL {oldest} or newer but {version}": (
        "el servidor no es MySQL {oldest} o más nuevo sino {version}"
    ),
    "the server lacks roles, and this user may not create any: {names}": (
        "al servidor le faltan roles, y este usuario no puede crearlos: {names}"
    ),
    "the server gave an answer that is not understood: {output}": "el servidor dice algo que no se entiende: {output}",
    "the server takes no rows from its clients (local_infile is off)": (
        "el servidor no acepta filas de sus clientes (local_infile está desactivado)"
    ),
    "the server takes {free} more connections, and a restore with {jobs} jobs needs {needed}": (
        "el servidor acepta {free} conexiones más, y una restauración con {jobs} jobs necesita {needed}"
    ),
    "the server was made with this role, which must remain its superuser": (
        "el servidor se creó con este rol, que no puede ser menos que su superusuario"
    ),
    (
        "the server's lower_case_table_names is not {value}, as it was where the set was taken: names could "
        "collide or not be found"
    ): (
        "el lower_case_table_names del servidor no es {value}, como donde se tomó la copia: habría nombres que "
        "chocan o que no se encuentran"
    ),
    "the set needs extensions that the server lacks: {names}": (
        "la copia necesita extensiones que el servidor no tiene: {names}"
    ),
    "the set sorts texts by ICU, and the server was built without it": (
        "la copia ordena los textos con ICU, y el servidor se compiló sin él"
    ),
    "the set sorts texts by locales that the server's system lacks: {names}": (
        "la copia ordena los textos con configuraciones regionales que el sistema del servidor no tiene: {names}"
    ),
    "the set was taken from MariaDB {dumped} and the server is {version}": (
        "la copia se tomó de MariaDB {dumped} y el servidor es {version}"
    ),
    "the set was taken from MySQL {dumped} and the server is {version}": (
        "la copia se tomó de MySQL {dumped} y el servidor es {version}"
    ),
    "the set was taken from PostgreSQL {dumped} and the server is {version}": (
        "la copia se tomó de PostgreSQL {dumped} y el servidor es {version}"
    ),
    "the set was written by pg_dump {dumped}; pg_restore {version} cannot read that": (
        "la copia la escribió pg_dump {dumped}; pg_restore {version} no puede leerla"
    ),
    "the set {id} does not hold them; it holds {names}": "la copia {id} no las contiene; contiene {names}",
    "the set {id} holds {names}": "la copia {id} contiene {names}",
    "the source names none": "la fuente no nombra ninguna",
    "the {kind} {name} is made by a statement of another kind: {statement}": (
        "lo que crea {kind} {name} es una sentencia de otro tipo: {statement}"
    ),
    "there is no file of allowed signers at {path}": "no hay un archivo de firmantes autorizados en {path}",
    "there is no such database": "no existe esa base de datos",
    "there is no such directory": "no existe ese directorio",
    "there is no such file": "no existe ese archivo",
    "there is no such set": "no existe esa copia",
    "there is no such user": "no existe ese usuario",
    "there is no such user on this host": "no existe ese usuario en este equipo",
    "these tables are not transactional, so no snapshot covers them: {names}": (
        "estas tablas no conocen transacciones, así que ninguna instantánea vale para ellas: {names}"
    ),
    "this account lacks rights, and would not see all of it at one moment: {names}": (
        "a esta cuenta le faltan permisos, y no la vería toda en un mismo momento: {names}"
    ),
    "this account lacks rights, and would not see all of it: {names}": (
        "a esta cuenta le faltan permisos, y no la vería toda: {names}"
    ),
    "this account may not see how it is made (ERROR 1142)": "esta cuenta no puede ver cómo está hecho (ERROR 1142)",
    "this engine does not dump libraries of other languages' code: {names}": (
        "este motor no copia bibliotecas de código de otros lenguajes: {names}"
    ),
    "this host stored it there at {time}": "este equipo la guardó allí el {time}",
    "this method is not known": "este método no se conoce",
    "this object store cannot protect a set from a second writer, or cannot check what it receives: {why}": (
        "este almacén de objetos no puede separar a dos que escriben o comprobar lo que llega: {why}"
    ),
    "this user may not write there": "este usuario no puede escribir allí",
    "this version of the collection knows {names}": "esta versión de la colección conoce {names}",
    "a set of this id is there already": "ya hay una copia con este nombre",
    "there is no valid statement at character {number}": "lo que hay en el carácter {number} no lo es",
    "the restored data is not right: {list_findings}": "lo restaurado no está bien: {list_findings}",
    "the restored data is not what the set says: {list_findings}": (
        "lo restaurado no es lo que dice la copia: {list_findings}"
    ),
    "zstd's levels are 1 (fastest) to 19 (smallest)": (
        "los niveles de zstd van de 1 (el más rápido) a 19 (el más pequeño)"
    ),
    "{free} bytes are free and about {needed} are needed ({text_basis})": (
        "hay {free} bytes libres y se necesitan unos {needed} ({text_basis})"
    ),
    "{free} bytes are free in {place} and about {needed} are needed": (
        "hay {free} bytes libres en {place} y se necesitan unos {needed}"
    ),
    "{free} bytes are free in {place}, and the set takes {least}, compressed": (
        "hay {free} bytes libres en {place}, y la copia ocupa {least} comprimida"
    ),
    "{free} bytes are free there and about {needed} are needed": (
        "hay {free} bytes libres allí y se necesitan unos {needed}"
    ),
    "{free} bytes are free there and {needed} are needed": "hay {free} bytes libres allí y se necesitan {needed}",
    "{name} holds a line break, which no option file can hold": (
        "{name} contiene un salto de línea, que ningún archivo de opciones puede llevar"
    ),
    "{names} cannot be read": "no se puede leer {names}",
    "{number} are named as attached, and SQLite attaches {most} at most": (
        "se nombran {number} adjuntas, y SQLite adjunta {most} a lo sumo"
    ),
    "{number} cannot be read: {names}": "{number} no se pueden leer: {names}",
    "{number} of its objects cannot be created: {list_objects}": (
        "{number} de sus objetos no se pueden crear: {list_objects}"
    ),
    "{path} is not a directory that this user may write to, or the path is itself one": (
        "{path} no es un directorio en el que este usuario pueda escribir, o la ruta misma es un directorio"
    ),
    "{path} is not a directory that this user may write to": (
        "{path} no es un directorio en el que este usuario pueda escribir"
    ),
    "{path} is there and was not made by a restore": "{path} está ahí y no lo hizo una restauración",
    "{path} is there and was not made by a restore of this user": (
        "{path} está ahí y no lo hizo una restauración de este usuario"
    ),
    "{path} of a set of this id already exists there, and is not in this host's journal": (
        "ya está allí {path} de una copia con este nombre, y el diario de este equipo no la conoce"
    ),
    "{program} ended with exit status {status}: {output}": "{program} terminó con estado de salida {status}: {output}",
    "{program} printed over {limit} bytes": "{program} escribió más de {limit} bytes",
    "{text_why}, and the replaced data may be the only copy": "{text_why}, y lo reemplazado puede ser todo lo que hay",
    "{text_why}; and then these stored programs could not be recreated: {names}": (
        "{text_why}; y luego no se pudieron crear de nuevo estos programas del destino: {names}"
    ),
    "{where} in its backup.json is missing, or not what the engine writes": (
        "{where} falta en su backup.json, o no es lo que escribe el motor"
    ),
    # The operating system's own words.
    "Connection refused": "conexión rechazada",
    "Connection timed out": "se agotó el tiempo de la conexión",
    "File exists": "el archivo ya existe",
    "Input/output error": "error de entrada y salida del disco",
    "Is a directory": "es un directorio",
    "No space left on device": "no queda espacio en el disco",
    "No space left on device ({path})": "no queda espacio en el disco ({path})",
    "No such file or directory": "no existe el archivo o el directorio",
    "No such file or directory ({path})": "no existe el archivo o el directorio ({path})",
    "Not a directory": "no es un directorio",
    "Permission denied": "permiso denegado",
    "Permission denied ({path})": "permiso denegado ({path})",
    "Read-only file system": "el sistema de archivos es de solo lectura",
    "Read-only file system ({path})": "el sistema de archivos es de solo lectura ({path})",
    "it takes from the sequence {sequence}, which is in another database": (
        "toma sus valores de la secuencia {sequence}, que está en otra base de datos"
    ),
    "it takes from the sequence {sequence}, which is gone": (
        "toma sus valores de la secuencia {sequence}, que ya no existe"
    ),
    "the columns that it refers to no longer have an index": "las columnas a las que se refiere ya no tienen un índice",
    "{number} rows of its history are kept by transaction ID, which only the server can assign": (
        "{number} filas de su historia se guardan por número de transacción, que solo el propio servidor asigna"
    ),
    "{number} rows of its history ended before or as they began, so that they were at no moment, and a "
    "server takes no such rows": (
        "{number} filas de su historia terminaron antes de empezar o al empezar: no estuvieron en ningún "
        "momento, y ningún servidor acepta tales filas"
    ),
    "the server does not understand a statement": "el servidor no entiende una instrucción",
    "something in it tried an operation that no backup performs: {output}": (
        "algo en ella intentó una operación que ninguna copia de seguridad hace: {output}"
    ),
    "{path} is a symbolic link": "{path} es un enlace simbólico",
    "the confined process gave an invalid answer: {output}": (
        "el proceso aislado respondió lo que ningún proceso de esta colección responde: {output}"
    ),
    "two databases would receive the same changes; recreate it where it is needed (CREATE SUBSCRIPTION)": (
        "dos bases de datos recibirían los mismos cambios; créela de nuevo donde haga falta (CREATE SUBSCRIPTION)"
    ),
    "it is not a list": "no es una lista",
}
