"""Writes the same values, awkward ones among them, in many forms, as the libraries
of Python write them, and prints them as JSON. No library writes TOML: there
`tomllib` confirms what is written here."""

import json
import random
import tomllib

import yaml

seed = random.Random(20261122)
SIGNS = "ab01.-_ :#,[]{}&*!|>%@`'\"\\~=?/$\t\n\r\x01\x1b\x7f\x85\u00a0\u2028\u2029\ufeff\u00e9\U0001f511"
values = [
    "", "NO", "yes", "null", "~", "0777", "1.10", "1e5", "0x1f", "2026-11-22", "<<", "=",
    "- a", "a: b", "a #b", " a", "a ", "\n", "a\n", "\na", "a\n\n b\n", "---", "...",
    "'''", '"""', "x" * 5000,
]
values += ["".join(seed.choices(SIGNS, k=seed.randint(1, 30))) for _ in range(400)]
values = {f"V{number}": value for number, value in enumerate(values)}


def toml(value):
    plain = all(sign.isprintable() or sign in "\n\t" for sign in value)
    if plain and seed.random() < 0.5 and "'''" not in value and not value.endswith("'"):
        return "'''\n" + value + "'''"
    if plain and seed.random() < 0.5:
        return '"""\n' + value.replace("\\", "\\\\").replace('"', '\\"') + '"""'
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


in_toml = "".join(f"{name} = {toml(value)}\n" for name, value in values.items())
assert tomllib.loads(in_toml) == values


class LiteralDumper(yaml.SafeDumper):
    """Writes block scalars."""


def literal(dumper, text):
    # These end a line in YAML 1.1, which PyYAML writes, and none in YAML 1.2.
    style = '"' if set(text) & set("\x85\u2028\u2029") else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


LiteralDumper.add_representer(str, literal)

forms = {
    "a.json": json.dumps(values),
    "b.json": json.dumps(values, ensure_ascii=False, indent=2),
    "a.yaml": yaml.safe_dump(values),
    "b.yaml": yaml.safe_dump(values, default_style='"', allow_unicode=True),
    "c.yaml": yaml.dump(values, Dumper=LiteralDumper, allow_unicode=True),
    "d.yaml": yaml.safe_dump(values, default_style="'", width=20),
    "e.yaml": yaml.safe_dump(values, default_flow_style=True, explicit_start=True),
    "a.toml": in_toml,
}
for name, text in forms.items():
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write(text)
print(json.dumps(values))
