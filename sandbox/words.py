"""Names, places and goods. Every list of a country has as many entries as the other countries'."""

from __future__ import annotations


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


COUNTRIES = _listed("DE|AT|FR|ES|PL|CZ")
DIALLING = _listed("+49|+43|+33|+34|+48|+420")

FIRST_NAMES = _listed(
    "Jürgen|Anna|Lukas|Sören|Käthe|Björn|Lena|Maximilian|Günther|Emma|Jörg|Sophie|"
    "Matthäus|Valentina|Jakob|Elisabeth|Florian|Käthe|Tobias|Marlène|Xaver|Theresia|Önder|Eva|"
    "Chloé|Jérôme|Zoé|François|Anaïs|Loïc|Camille|Benoît|Hélène|Rémi|Noémie|Luc|"
    "José|María|Íñigo|Lucía|Sofía|Andrés|Begoña|Martín|Inés|Álvaro|Carmen|Raúl|"
    "Łukasz|Małgorzata|Paweł|Zofia|Michał|Agnieszka|Wojciech|Żaneta|Stanisław|Kinga|Jan|Świętosława|"
    "Jiří|Kateřina|Tomáš|Lucie|Ondřej|Věra|Zdeněk|Barbora|Řehoř|Eliška|Petr|Markéta"
)
LAST_NAMES = _listed(
    "Müller|Schäfer|Weiß|Krüger|Schmidt|Groß|Köhler|Becker|Jäger|Vogel|Böhm|Fuchs|"
    "Gruber|Höfer|Pichler|Wögerbauer|Mayer|Eder|Schönberger|Steiner|Kühn|Hofer|Brünner|Wallner|"
    "Lefèvre|Dubois|Béranger|Moreau|Garçon|Faucher|D'Amboise|Léger|Martin|Guérin|Noël|Petit|"
    "García|Núñez|Ibáñez|Peña|Fernández|Muñoz|López|Ordóñez|Vidal|Gómez|Quiñones|Sáez|"
    "Kowalski|Wiśniewska|Wójcik|Żak|Zieliński|Dąbrowska|Gołąb|Nowak|Szymański|Łęcki|Kaczmarek|Źrebiec|"
    "Novák|Dvořák|Černý|Procházka|Kučera|Veselá|Růžička|Šťastný|Beneš|Fiala|Sedláček|Malý"
)
STREETS = _listed(
    "Hauptstraße|Schönhauser Allee|Königsweg|Lindenstraße|Am Bäckerberg|Goethestraße|"
    "Mariahilfer Straße|Währinger Gürtel|Kärntner Ring|Schloßgasse|Landstraße|Höttinger Au|"
    "Rue de l'Église|Avenue de la République|Rue du Château|Boulevard Saint-Rémy|Place Bellecour|Rue Pasteur|"
    "Calle Mayor|Avenida de España|Calle Núñez de Balboa|Paseo de Gràcia|Calle del Ángel|Ronda Sant Pere|"
    "ulica Długa|ulica Świętokrzyska|aleja Róż|ulica Łąkowa|ulica Mickiewicza|plac Grunwaldzki|"
    "Dlouhá|Vinohradská|Na Příkopě|Křížíkova|náměstí Míru|Plzeňská"
)
CITIES = _listed(
    "Berlin|München|Köln|Wien|Graz|Linz|Paris|Lyon|Orléans|Madrid|Barcelona|Málaga|Warszawa|Kraków|Wrocław|Praha|Brno|Plzeň"
)
ZONES_IN_A_CITY = 8
ZONE_NAMES = _listed("Nord|Süd|Ost|West|Zentrum|Hafen|Messe|Universität")
MAIL_DOMAINS = _listed("mail.example|post.example|web.example|inbox.example")

_ACCENTED = "áàâäãåąăçćčďđéèêëęěíìîïłĺľñńňóòôöõøőřŕśšşťţúùûüůűýÿźžż"
_PLAIN = "aaaaaaaacccddeeeeeeiiiilllnnnooooooorrsssttuuuuuuyyzzz"
ASCII = str.maketrans({**dict(zip(_ACCENTED, _PLAIN, strict=True)), "ß": "ss", "'": ""})

CATEGORIES = _listed("Kitchen|Garden|Books|Toys|Sports|Beauty|Electronics|Office|Pets|Fashion")
CATEGORY_CENTS = (2200, 3100, 1500, 1900, 3900, 1400, 8900, 1200, 1700, 4500)  # a usual price
NOUNS = _listed(
    "Teapot|Pan|Knife Set|Crêpe Maker|Mug|Whisk|"
    "Hose|Flower Pot|Spade|Lantern|Bird House|Deck Chair|"
    "Cookbook|Atlas|Novel|Diary|Picture Book|Field Guide|"
    "Puzzle|Kite|Building Blocks|Teddy|Card Game|Train Set|"
    "Yoga Mat|Football|Dumbbell|Rucksack|Tent|Ski Pole|"
    "Soap|Crème|Shampoo|Hair Brush|Perfume|Bath Salts|"
    "Headphones|Keyboard|Desk Lamp|Charger|Speaker|Camera|"
    "Notebook|Stapler|Pen Set|File Box|Calendar|Desk Pad|"
    "Cat Tree|Dog Lead|Feeding Bowl|Aquarium|Bird Seed|Pet Bed|"
    "Scarf|Wool Hat|Belt|Rain Coat|Slippers|Tote Bag"
)
ADJECTIVES = _listed("Café|Größe L|Málaga|Łódź|Jardin d'Été|Classic|Compact|Natural|Deluxe|Nordic|Vintage|Eco")
NON_ASCII_ADJECTIVES = 5  # the first ones
BRANDS = _listed("Hübner|Nordlys|Atelier Zoé|Casa Peña|Wiśnia|Kvítek|Oakwell|Brightly|Mono|Fable|Tern & Co|Piccolo")
VENDOR_NAMES = _listed("Handel|Großhandel|Trading|Manufaktur|Frères|Hermanos|Sp. z o.o.|Obchod")

REASONS = _listed("damaged|wrong size|not as described|arrived late|changed mind")
VEHICLES = _listed("bicycle|cargo bike|van|scooter")
WAREHOUSES = _listed("BER|LYS|WRO")
VOUCHERS = _listed("WELCOME5|FRÜHLING10|SUMMER15|FRIENDS10|VIP20|APP5")
VOUCHER_PERCENT = (5, 10, 15, 10, 20, 5)
