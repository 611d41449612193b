"""Writes test/fixtures/chatTemplates.json: what jinja2, set up as transformers does, makes of chat templates.

    pip install jinja2==3.1.6 && python scripts/reference/chatTemplateFixtures.py
"""

import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

TALKS = {
    "one": [{"role": "user", "content": "Hi"}],
    "system": [{"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "Who are you? "},
               {"role": "assistant", "content": "<think>hm</think>\n\nA model."}, {"role": "user", "content": "\u00e9 \"quoted\" <b> & 'x'"}],
    "odd": [{"role": "user", "content": ""}, {"role": "assistant", "content": "xxabcxx"}, {"role": "user", "content": "line\n\n  two\t"}],
}

WHOLE = [
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    "{%- for message in messages %}\n    {{- '<|im_start|>' + message['role'] + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "{%- if tools is not none %}tools{{ tools }}{% endif %}{% if documents is not none %}documents{% endif %}{% if not tools is defined %}undefined{% endif %}{{ messages|length }}",
    "{%- set ns = namespace(found=false, last=0) %}\n{%- for message in messages[::-1] %}\n  {%- set index = (messages|length - 1) - loop.index0 %}\n  {%- if not ns.found and message.role == 'user' %}\n    {%- set ns.found = true %}{% set ns.last = index %}\n  {%- endif %}\n{%- endfor %}\n{{ ns.last }} {{ ns.found }}",
    "{% macro show(m, end='!') %}[{{ m.role|upper }}: {{ m.content|trim }}{{ end }}]{% endmacro %}{% for m in messages %}{{ show(m) }}{{ show(m, end='?') }}{% endfor %}",
    "{% for m in messages %}{% if m.role == 'assistant' %}{% set content = m.content.split('</think>')[-1].lstrip('\\n') %}{{ content }}{% else %}{{ m.content }}{% endif %}|{% endfor %}",
    "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}{{ ' first' if loop.first }}{{ ' last' if loop.last }} {{ loop.previtem.role if loop.previtem is defined else '-' }};{% else %}none{% endfor %}",
    "{% for m in messages %}{% if loop.index0 == 1 %}{% continue %}{% endif %}{% if loop.index0 == 3 %}{% break %}{% endif %}{{ m.role }};{% endfor %}",
    "line one\r\n{% if true %}\r\n  yes\r\n{% endif %}\r\nend\r\n",
    "  {% if true %}\n  indented\n  {% endif %}\n\n{# comment #}\nrest\n",
    "{% for m in messages %}{{ m | tojson }}{{ m.content | tojson }}{% endfor %}{{ messages | tojson(indent=2) }}",
    "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}{{ nothing }}{{ nothing is defined }}",
    "{% set x = 'outer' %}{% for m in messages %}{% set x = m.role %}{% endfor %}{{ x }}",
    "{% if messages[-1].role != 'user' %}{{ raise_exception('last must be user') }}{% endif %}{{ messages[-1]['content'] }}",
    "{% if messages[0].role != 'system' %}{{ raise_exception('no system') }}{% endif %}{{ messages[0]['content'] | trim }}",
    "{% generation %}{% for m in messages %}{{ m.content }}{% endfor %}{% endgeneration %}",
    "{% for m in messages %}{{ m.get('name', 'anon') }} {{ m.name }} {{ 'name' in m }} {{ m.tool_calls is defined }} {{ m.tool_calls }};{% endfor %}",
    "{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}{% for k in messages[0] %}{{ k }}{% endfor %}",
    "{% filter upper %}{{ messages[0].content }}{% endfilter %}{% raw %}{{ raw }}{% endraw %}",
    "{% set text %}block {{ messages[0].role }}{% endset %}{{ text }}{{ text|length }}",
    "{% for k in messages[0].keys() %}{{ k }};{% endfor %}{% for v in messages[0].values() %}{{ v }};{% endfor %}{% for p in messages[0].items() %}{{ p }};{% endfor %}",
    "{% set roles = messages | map(attribute='role') %}{% for r in roles %}{{ r }};{% endfor %}{% for r in roles %}again {{ r }};{% endfor %}",
    "{% set roles = messages | map(attribute='role') | list %}{% for r in roles %}{{ r }};{% endfor %}{% for r in roles %}again {{ r }};{% endfor %}",
    "{% set users = messages | selectattr('role', 'equalto', 'user') %}{% if users %}some{% endif %}{{ users | list | length }}{{ users | list | length }}",
    "{% for m in messages | selectattr('role', 'equalto', 'user') if m.content %}{{ m.content }}/{{ loop.length }};{% endfor %}{{ messages | reverse | map(attribute='role') | join(',') }}",
    "{% set keys = messages[0].keys() %}{% for k in keys %}{{ k }}{% endfor %}{% for k in keys %}{{ k }}{% endfor %}{{ keys | length }}",
    "{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% call wrap() %}{{ messages[0].role }}{% endcall %}",
]

EXPRESSIONS = [
    "True", "None", "1.0", "2.50", "1 / 2", "4 / 2", "7 // 2", "-7 // 2", "7 % 3", "-7 % 3", "2 ** 3", "1e3", "true", "none", "false",
    "[1, 2.0, 'a', true, none]", "{'a': 1, 'b': [true, none]}", "(1, 'x')", "[]", "{}", "'it\\'s'", "[\"it's\"]", "['a\"b']", "['\\n']",
    "'xxabcxx'.strip('x')", "'xxabcxx'.lstrip('x')", "'xxabcxx'.rstrip('x')", "'  a '.strip()", "'a,b,,c'.split(',')", "'a b  c'.split()",
    "'a,b,c'.split(',', 1)", "'abc'.startswith('ab')", "'abc'.endswith('bc')", "'Hello World'.title()", "'hello'.capitalize()", "'aXa'.lower()",
    "'a-a-a'.replace('-', '+')", "'a-a-a'.replace('-', '+', 1)", "'abc'[1]", "'abc'[-1]", "'abcdef'[1:4]", "'abcdef'[::-1]", "'abc' ~ 1 ~ true ~ none ~ 1.0",
    "'a' * 3", "[1] + [2]", "'b' in 'abc'", "'z' not in 'abc'", "1 < 2 < 3", "not ''", "'' or 'default'", "0 or none", "'a' and 'b'",
    "nothing | default('d')", "'' | default('d', true)", "none | default('d')", "[1, 2, 3] | sum", "[3, 1, 2] | sort", "[3, 1, 2] | sort | join(', ')",
    "[1, 2, 3] | join", "['a', 'b'] | join('-')", "[1, 2] | first", "[1, 2] | last", "'abc' | length", "[1, 2] | reverse | list", "'abc' | reverse",
    "'hello world' | title", "'HELLO' | capitalize", "' x ' | trim", "'xax' | trim('x')", "3.7 | int", "'42' | int", "'x' | int", "'1.5' | float", "3 | float",
    "1.25 | round(1)", "2.5 | round", "-3 | abs", "3.14159 | round(2)", "'<a>' | escape", "'<a>' | e", "'a' | string", "1.0 | string", "true | string",
    "messages | map(attribute='role') | list", "messages | map(attribute='role') | join(',')", "messages | selectattr('role', 'equalto', 'user') | list | length",
    "messages | rejectattr('role', 'equalto', 'user') | map(attribute='content') | list", "[1, 2, 3, 4] | select('odd') | list", "[1, none, 2] | reject('none') | list",
    "[1, 1, 2] | unique | list", "{'b': 1, 'a': 2} | dictsort", "{'a': 1} | items | list", "{'a': 1}.keys() | list", "range(3) | list", "range(1, 10, 3) | list",
    "'a\\nb' | indent(2)", "'a\\nb' | indent(2, true)", "'%s-%d' | format('a', 3)", "'%s' % 'a'", "'a b c' | wordcount", "'abc' | list", "[[1, 2], [3]] | map('length') | list",
    "['a', 'b'] | map('upper') | join", "1 is number", "'a' is string", "[] is iterable", "{} is mapping", "none is none", "1 is odd", "2 is even", "4 is divisibleby 2",
    "true is boolean", "1 is integer", "1.0 is float", "'abc' is sequence", "'A' is upper", "1 is eq 1", "1 is sameas 1", "x is undefined", "1 if true else 2", "1 if false",
    "{'a': none} | tojson", "[1.0, true, none, 'é', '<&>\\''] | tojson", "{'b': 1, 'a': 2} | tojson", "'a/b' | tojson", "[1, [2]] | tojson(indent=4)", "1000000000000000000000", "0.1 + 0.2",
    "1e20", "1e-7", "123456789.123", "10 ** 20", "-1", "+1", "'a' < 'b'", "[1, 2] == [1, 2]", "{'a': 1} == {'a': 1}", "1 == 1.0", "'1' == 1", "none == false", "not none",
    "messages[0].content.upper()", "messages[0]['missing']", "messages[0].missing.more", "messages[9]", "nothing + 'a'", "'a' + 1", "1 + 'a'", "'abc' | nosuchfilter", "'a' is nosuchtest",
    "'abc'.find('c')", "'abc'.count('b')", "'a\\nb'.splitlines()", "'abc'.isdigit()", "'-'.join(['a', 'b'])", "'abc'.nosuch()", "''.__class__", "messages.append(1)", "dict(a=1)",
    "messages[0] | string", "-7 // 2", "7 % -3", "'🙂a' | length", "'🙂a'[0]", "'\ufeff a ' | trim", "[1] == (1,)", "1 in [1.0]", "namespace(a=1).a", "cycler('a', 'b').next()", "joiner(',')()", "'x'.zfill(3)", "'abc'.index('b')", "'{}-{}'.format(1, 'a')", "['b','A'] | sort",
    "[{'n': 2}, {'n': 1}] | sort(attribute='n')", "['a', 'B'] | max", "[3, 1] | min", "[1, 2, 3] | batch(2) | list", "[1,2,3] | slice(2) | list", "'aaa' | replace('a', 'b', 2)", "'a b' | urlencode",
    "'hello' | truncate(3)", "'x' | center(5)", "[1,2] | random in [1,2]", "messages | groupby('role') | length", "'<p>a</p>' | striptags", "'abc' | attr('x')", "3 | filesizeformat", "'a' | safe",
    "{'a': 1, 'b': 'x'}.keys()", "{'a': 1, 'b': 'x'}.values()", "{'a': 1, 'b': 'x'}.items()", "{}.keys()", "{'a': 1}.values() | list", "{'a': 1}.items() | list", "messages[0].keys()",
    "{'a': 1}.keys() | string", "{'a': 1}.keys() ~ ''", "[{'a': 1}.keys()]", "{'k': {'a': 1}.values()}", "{'a': 1}.keys() | first", "{'a': 1, 'b': 2}.values() | last", "{'b': 1, 'a': 2}.keys() | sort",
    "{'a': 1}.keys() | length", "{'a': 1, 'b': 2}.keys() | join(',')", "{'a': 1}.items() | first", "'a' in {'a': 1}.keys()", "2 in {'a': 1}.values()", "{'a': 1}.keys()[0]", "({'a': 1}.keys() | list)[0]",
    "{'a': 1}.keys() == ['a']", "['a'] == {'a': 1}.keys()", "{'a': 1}.keys() == {'a': 1}.keys()", "{'a': 1}.keys() + ['b']", "['b'] + {'a': 1}.values()", "{'a': 1}.keys() | tojson", "{'a': 1}.items() | tojson",
    "{'a': 1}.keys() is iterable", "{'a': 1}.keys() is sequence", "{'a': 1}.keys() is mapping", "{} is iterable", "{'a': 1} is iterable", "range(3) is iterable", "1 is iterable", "'yes' if {}.keys() else 'no'", "'yes' if {'a': 1}.items() else 'no'",
    "{'a': 1} | items", "{'a': 1} | items | list | tojson", "{'b': 1, 'a': 2} | dictsort | first", "range(3)", "range(1, 9, 2)", "[range(2)]", "range(5)[1]", "range(5)[1:3] | list", "range(5)[1:3]", "range(3) | length", "range(3) | tojson",
    "range(3) == range(3)", "range(3) == [0, 1, 2]", "range(2) + [3]", "messages | map(attribute='role')", "messages | selectattr('role', 'equalto', 'tool')", "messages | rejectattr('role', 'equalto', 'user')", "[1, 1] | unique",
    "[1, 2] | reverse", "[1, 2] | reverse | first", "{'a': 1}.keys() | reverse | list", "'yes' if messages | selectattr('role', 'equalto', 'tool') else 'no'", "'yes' if messages | selectattr('role', 'equalto', 'tool') | list else 'no'",
    "not (messages | map(attribute='role'))", "(messages | map(attribute='role')) and 'yes'", "(messages | selectattr('role', 'equalto', 'tool')) or 'no'", "messages | map(attribute='role') | length", "messages | map(attribute='role') | first",
    "messages | map(attribute='role') | last", "messages | map(attribute='role') | tojson", "(messages | map(attribute='role'))[0]", "messages | map(attribute='role') | string", "(messages | map(attribute='role')) == ['user']",
    "'user' in (messages | map(attribute='role'))", "(1, 2) + (3,)", "(1, 2) + [3]", "(1,) == ({'a': 1}.items() | first)", "('a', 1) == ({'a': 1}.items() | first)", "[1] + ({'a': 1}.items() | first)", "[1, 2].length", "'abc'.length", "{'a': 1}.length",
    "{'length': 3}.length", "{'keys': 3}.keys", "{'a': 1}['keys']", "{'a': 1} | length", "{'a': 1} | list", "{'b': 1, 'a': 2} | join(',')", "{'a': 1} | first", "[1, 2] is sequence", "{} is sequence", "(1, 2) | tojson", "(1, 2) | list", "[3, 1] | sort | tojson",
]


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            lineno = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(lineno)

        def _support(self, caller):
            return caller()

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def rendered(env, template, messages, generation):
    try:
        text = env.from_string(template).render(
            messages=messages, tools=None, documents=None, add_generation_prompt=generation, **SPECIALS)
        # An object prints its address, which differs in every run.
        return {"error": "prints an address"} if " object " in text and " at 0x" in text else text
    except Exception as error:
        return {"error": str(error)[:80]}


def main():
    env = environment()
    cases = []
    for template in WHOLE:
        for name, messages in TALKS.items():
            cases.append({"template": template, "talk": name, "prompt": name != "odd", "expected": rendered(env, template, messages, name != "odd")})
    for expression in EXPRESSIONS:
        template = "{{ " + expression + " }}"
        cases.append({"template": template, "talk": "one", "prompt": False, "expected": rendered(env, template, TALKS["one"], False)})
    path = ROOT / "test/fixtures/chatTemplates.json"
    path.write_text(json.dumps({"talks": TALKS, "cases": cases}, ensure_ascii=False, indent=0) + "\n")
    print(len(cases), "cases,", sum(isinstance(c["expected"], dict) for c in cases), "errors")


main()
