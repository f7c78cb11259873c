# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What retention says, in Spanish."""

from __future__ import annotations

RETENTION_ACTIONS = {
    "read how old sets may be": "leer cuántas horas pueden tener las copias",
    "judge copies by the rule 3-2-1-1-0": "ver si las copias cumplen la regla 3-2-1-1-0",
    "use the approvers": "usar la lista de quienes aprueban",
    "check an approval": "revisar una aprobación",
    "read what was agreed about retention": "leer lo acordado sobre la conservación",
    "read or write what was agreed about retention": "leer o escribir lo acordado sobre la conservación",
    "apply retention to copies": "aplicar los plazos de conservación a las copias en la nube",
    "lock an object": "bloquear un objeto",
    "read until when an object is locked": "ver hasta cuándo está bloqueado un objeto",
    "record that a copy is damaged": "anotar que una copia está dañada",
    "read copies again": "volver a leer copias",
    "apply retention": "aplicar los plazos de conservación",
    "hold sets": "proteger copias del borrado",
    "record that a set is removed": "anotar que se borra una copia",
    "read the record of removed sets": "leer el registro de copias borradas",
    "remove a set": "borrar una copia",
    "remove expired sets": "borrar las copias vencidas",
    "use a retention policy": "usar un plazo de conservación",
    "use a time zone": "usar una zona horaria",
}
RETENTION_REASONS = {
    "it is not a number of hours for each source": "no es un número de horas para cada fuente",
    "{set}: its last drill failed": "{set}: su última restauración de prueba falló",
    "the first medium is not a directory of this host, so nothing says which sets were verified there": (
        "el primer medio no es un directorio de este equipo, así que nada dice qué copias se verificaron allí"
    ),
    "it is {amount}": "es {amount}",
    "when its sets were last read is not recorded": "no se anota cuándo se leyeron sus copias por última vez",
    "it is not what was written there": "no es lo que se había escrito allí",
    "two of the approvers have the same name or the same key": (
        "dos de quienes aprueban tienen el mismo nombre o la misma llave"
    ),
    "it requires {number} signatures of {n} people": "exige {number} firmas de {n} personas",
    "a name of an approver has only letters, digits and . _ @ + -": (
        "el nombre de quien aprueba solo tiene letras sin tilde, dígitos y . _ @ + -"
    ),
    "it is not an OpenSSH public key of a kind that is accepted": (
        "no es una llave pública de OpenSSH de un tipo que se acepte"
    ),
    "the RSA key is shorter than {number} bits": "la llave RSA tiene menos de {number} bits",
    "it keeps sets for more than a hundred years": "conserva copias por más de cien años",
    "the receipt of its audit does not fit what is there": (
        "la constancia de su lectura no corresponde a lo que hay allí"
    ),
    "only copies in an object store follow another medium": (
        "solo las copias de un almacén de objetos siguen a otro medio"
    ),
    "the store accepted the lock and does not keep it": "el almacén aceptó el bloqueo y no lo guarda",
    "there is no such object": "no existe ese objeto",
    "a restore, a drill or a copy is reading it": "la lee una restauración, un simulacro o una copia",
    "it gives no reason": "no dice por qué",
    "it names no sets": "no nombra copias",
    "its period ends before it begins": "su período termina antes de empezar",
    "a number in it is less than 0": "tiene un número menor que 0",
    "it keeps nothing": "no conserva nada",
    "destroy_after_days is less than minimum_days, or than 1": (
        "destroy_after_days es menor que minimum_days, o que 1"
    ),
    "this host does not know it": "este equipo no la conoce",
    "{text} is not a date": "{text} no es una fecha",
    "{set} is dated in the future": "{set} tiene fecha del futuro",
    "a record of this source is dated {time}, in the future": (
        "un registro de esta fuente tiene fecha {time}, que todavía no llega"
    ),
    "the key {text} is not a string": "la clave {text} no es un texto entre comillas",
    "the date {text} is not a string": "la fecha {text} no es un texto entre comillas",
    "sets are removed from directories only": "solo se borran copias de directorios",
    "it is less than 0": "es menor que 0",
    "it is not a mapping": "no es una lista de claves y valores",
}
RETENTION_STEPS = {
    "Write it as {contabilidad: 4}.": "Escríbalo así: {contabilidad: 4}.",
    "Name the vault first, and run this on the systems computer.": (
        "Nombre primero la bóveda, y ejecútelo en el computador de sistemas."
    ),
    "Give more than zero, or leave it out.": "Dé más de cero, o no lo ponga.",
    "Run it on the host that has the directory. Copies in an object store are read again by set_audit.": (
        "Ejecútelo en el equipo que tiene el directorio. Las copias de un almacén de objetos las relee set_audit."
    ),
    "Correct it; set_prune's documentation has the keys of approvals.": (
        "Corríjala; la documentación de set_prune tiene las claves de las aprobaciones."
    ),
    "Give each person once, with a key of their own.": "Nombre a cada persona una vez, con una llave propia.",
    "Require at least 1, and no more than there are people.": "Exija al menos 1, y no más que personas haya.",
    "Give a name such as ana.perez.": "Dé un nombre como ana.perez.",
    "Give the line of the person's .pub file: {text}.": "Dé la línea del archivo .pub de la persona: {text}.",
    "Let the person make another one: ssh-keygen -t ed25519.": ("Que la persona haga otra: ssh-keygen -t ed25519."),
    "Let the person sign the request again.": "Que la persona firme otra vez la solicitud.",
    "Find out who changed it. Nothing was removed.": "Averigüe quién lo cambió. No se borró nada.",
    "Correct that, and repeat the step; nothing was removed.": "Corrija eso y repita el paso; no se borró nada.",
    "Correct the number: what is locked for so long in a cloud cannot be unlocked.": (
        "Corrija el número: lo que se bloquea por tanto tiempo en la nube no se puede desbloquear."
    ),
    (
        "If the key may list versions (s3:ListBucketVersions), objects of it are gone: the audit of step 4 finds out"
        " which."
    ): (
        "Si la llave puede ver las versiones (s3:ListBucketVersions), faltan objetos suyos: la revisión del paso 4 "
        "dice cuáles."
    ),
    "Apply retention to that medium itself.": "Aplique los plazos de conservación a ese mismo medio.",
    "Run step 4 again: its audit finds out what is missing.": "Repita el paso 4: su revisión encuentra lo que falta.",
    "Use a store with Object Lock; until then, whoever may delete there can delete this copy.": (
        "Use un almacén con Object Lock; mientras tanto, quien pueda borrar allí puede borrar esta copia."
    ),
    "Nothing was removed; a later run removes it.": "No se borró nada; una ejecución posterior la borra.",
    "Run as the user that owns it, or correct its owner and mode; nothing was removed.": (
        "Ejecute como el usuario que es su dueño, o corrija su dueño y sus permisos; no se borró nada."
    ),
    "Give the reason: whoever ends it must know why it was there.": (
        "Diga por qué: quien la quite debe saber para qué estaba."
    ),
    "Name a set, a host, a source or a period (from, to).": (
        "Nombre una copia, un equipo, una fuente o un período (from, to)."
    ),
    "Correct from and to.": "Corrija from y to.",
    'Write it in quotes, as "400.10": without them, YAML makes a number of it.': (
        'Escríbala entre comillas, como "400.10": sin ellas, YAML la vuelve un número.'
    ),
    'Write it in quotes, as "2026-11-22".': 'Escríbala entre comillas, como "2026-11-22".',
    "Give numbers of 0 or more.": "Dé números de 0 o más.",
    (
        "Say how many sets to keep (last, hourly, daily, weekly, monthly, yearly), or for how many days (minimum_days)."
    ): (
        "Diga cuántas copias conservar (last, hourly, daily, weekly, monthly, yearly), o por cuántos días"
        " (minimum_days)."
    ),
    "Correct the two: no set can be both kept and destroyed.": (
        "Corrija los dos: ninguna copia se puede conservar y destruir a la vez."
    ),
    "Correct the name (as in America/Bogota), or install the package tzdata on this host.": (
        "Corrija el nombre (como America/Bogota), o instale el paquete tzdata en este equipo."
    ),
    "Give dates as 2026-11-22.": "Dé las fechas como 2026-11-22.",
    "Run it on the host that has the directory.": "Ejecútelo en el equipo que tiene el directorio.",
    "Give a number of days.": "Dé un número de días.",
    "Write it as in the documentation of set_prune.": "Escríbala como en la documentación de set_prune.",
    "Correct it; set_prune's documentation has the keys of a policy.": (
        "Corríjala; la documentación de set_prune tiene las claves de un plazo."
    ),
    "Correct it; set_prune's documentation has the keys of a hold.": (
        "Corríjala; la documentación de set_prune tiene las claves de una protección."
    ),
    "Make that directory writable; the set was not removed.": (
        "Deje escribir en ese directorio; la copia no se borró."
    ),
}
