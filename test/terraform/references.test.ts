// All that the configuration names is there, and all that is there is named.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseFile, readModules, withoutPackages } from './hcl.ts';
import { findReferenceErrors, type Modules } from './references.ts';
import { runTerraform, withoutTerraform } from './terraform.ts';

const skip = withoutPackages();

describe('the configuration, in itself', { skip }, () => {
  it('names what there is, leaves nothing unused, and goes round in no circle', async () => {
    const modules = await readModules();
    assert.ok(modules.has(''));
    assert.deepEqual(await findReferenceErrors(modules), []);
  });

  it('is held against the functions that Terraform has', { skip: withoutTerraform() }, async () => {
    const { output } = await runTerraform('.', ['metadata', 'functions', '-json']);
    const { function_signatures: signatures } = JSON.parse(output);
    const text = readFileSync(join(import.meta.dirname, 'functions.json'), 'utf8');
    for (const [name, [least, most]] of Object.entries<[number, number | null]>(JSON.parse(text))) {
      const { parameters = [], variadic_parameter: more } = signatures[name] ?? {};
      assert.equal(least, parameters.length, name);
      assert.equal(most === null, more !== undefined, name);
    }
  });
});

const bucket = 'resource "google_storage_bucket" "b" {\n  name = "b"\n  location = "US"\n}\n';
const buckets = bucket.replace('{\n', '{\n  for_each = toset(["a"])\n');
const outputOf = (value: string) => `output "o" {\n  description = "It."\n  value = ${value}\n}\n`;
const variable = (name: string) =>
  `variable "${name}" {\n  description = "It."\n  type = string\n}\n`;
const call = (more: string) => `module "m" {\n  source = "./modules/m"\n${more}}\n`;
const service =
  'resource "google_cloud_run_v2_service" "s" {\n  name = "s"\n  location = "x"\n  template {\n    containers {\n      image = "i"\n    }\n  }\n}\n';

type Files = Readonly<Record<string, string>>;

/** What is wrong → a configuration (of the root alone, or file by file), and what is told. */
const wrong: Readonly<Record<string, readonly [text: string | Files, errors: readonly string[]]>> =
  {
    'a variable that there is not': [
      outputOf('var.x'),
      ['x.tf: output.o: names var.x, which is not there'],
    ],
    'a variable in a text that there is not': [
      outputOf(`"a \\"\${upper(var.x)}\\" b"`),
      ['x.tf: output.o: names var.x, which is not there'],
    ],
    'a variable in a key that there is not': [
      outputOf('{ (var.x) = 1 }'),
      ['x.tf: output.o: names var.x, which is not there'],
    ],
    'a variable in the text of a directive that there is not': [
      outputOf('"%{if var.x}a%{endif}"'),
      ['x.tf: output.o: names var.x, which is not there'],
    ],
    'a local value that there is not': [
      outputOf('[for a in local.x : a]'),
      ['x.tf: output.o: names local.x, which is not there'],
    ],
    'a resource that there is not': [
      outputOf('google_storage_bucket.b.name'),
      ['x.tf: output.o: names google_storage_bucket.b, which is not there'],
    ],
    'data that there is not': [
      outputOf('data.google_project.p.number'),
      ['x.tf: output.o: names data.google_project.p, which is not there'],
    ],
    'a module that there is not': [
      outputOf('module.m.x'),
      ['x.tf: output.o: names module.m, which is not there'],
    ],
    'what a resource does not have': [
      bucket + outputOf('google_storage_bucket.b.selflink'),
      ['x.tf: output.o: names google_storage_bucket.b.selflink, but there is no selflink'],
    ],
    'what a nested block does not have': [
      service + outputOf('google_cloud_run_v2_service.s.template[0].containers[0].imag'),
      [
        'x.tf: output.o: names google_cloud_run_v2_service.s.template[0].containers[0].imag, but there is no imag',
      ],
    ],
    'a block as if it were no list': [
      service + outputOf('google_cloud_run_v2_service.s.template.timeout'),
      [
        'x.tf: output.o: names google_cloud_run_v2_service.s.template.timeout, without saying which of template',
      ],
    ],
    'what is in a text': [
      bucket + outputOf('google_storage_bucket.b.name.x'),
      ['x.tf: output.o: names google_storage_bucket.b.name.x, which goes into a string'],
    ],
    'one of many': [
      buckets + outputOf('google_storage_bucket.b.name'),
      ['x.tf: output.o: names google_storage_bucket.b.name, of which there are many'],
    ],
    'many of one': [
      bucket + outputOf('google_storage_bucket.b["a"].name'),
      ['x.tf: output.o: names google_storage_bucket.b["a"].name, of which there is one'],
    ],
    'what each of many does not have': [
      buckets + outputOf('{ for k, b in google_storage_bucket.b : k => b.selflink }'),
      ['x.tf: output.o: names b.selflink, but there is no selflink'],
    ],
    'what all of many do not have': [
      buckets + outputOf('google_storage_bucket.b[*].nam'),
      ['x.tf: output.o: names google_storage_bucket.b[*].nam, but there is no nam'],
    ],
    'each, where there is no for_each': [
      bucket.replace('"US"', 'each.key'),
      ['x.tf: google_storage_bucket.b: names each.key, and has no for_each'],
    ],
    'count, where there is for_each': [
      buckets.replace('"US"', 'count.index'),
      ['x.tf: google_storage_bucket.b: names count.index, and has no count'],
    ],
    'a dynamic block’s own name outside of it': [
      bucket.replace(
        '"US"\n',
        '"US"\n  dynamic "cors" {\n    for_each = [1]\n    iterator = it\n    content {\n      origin = [it.value, cors.value]\n    }\n  }\n',
      ),
      ['x.tf: google_storage_bucket.b: names cors.value, which is not there'],
    ],
    'a function that there is not': [
      outputOf('uper("a")'),
      ['x.tf: output.o: there is no function uper'],
    ],
    'a function with too little': [
      outputOf('replace("a", "b")'),
      ['x.tf: output.o: replace does not take 2 arguments'],
    ],
    'a file that there is not': [
      outputOf(`file("\${path.module}/none.json")`),
      ['x.tf: output.o: reads none.json, which is not there'],
    ],
    'a variable that nobody uses': [variable('x'), ['x.tf: nobody uses var.x']],
    'a variable that is only held against something': [
      `variable "x" {\n  description = "It."\n  validation {\n    condition = x != ""\n    error_message = "No."\n  }\n}\n`,
      ['x.tf: var.x: names x., which is not there', 'x.tf: nobody uses var.x'],
    ],
    'a local value that nobody uses': ['locals {\n  x = 1\n}\n', ['x.tf: nobody uses local.x']],
    'an output that nobody describes': [
      'output "o" {\n  value = 1\n}\n',
      ['x.tf: output.o has no description that is a sentence'],
    ],
    'an output that nobody uses': [
      { 'x.tf': call(''), 'modules/m/x.tf': outputOf('1') },
      ['modules/m/x.tf: nobody uses output.o'],
    ],
    'a module that nobody uses': [
      { 'modules/m/x.tf': bucket },
      ['modules/m: nobody uses the module'],
    ],
    'a module where there is none': [
      call(''),
      ['x.tf: module.m: there is no module in ./modules/m'],
    ],
    'what a module does not take': [
      { 'x.tf': call('  x = 1\n'), 'modules/m/x.tf': bucket },
      ['x.tf: module.m: the module takes no x'],
    ],
    'what a module is not given': [
      { 'x.tf': call(''), 'modules/m/x.tf': variable('x') + bucket.replace('"US"', 'var.x') },
      ['x.tf: module.m: the module needs x'],
    ],
    'what a module does not tell': [
      { 'x.tf': call('') + outputOf('module.m.p'), 'modules/m/x.tf': bucket },
      ['x.tf: output.o: names module.m.p, but the module has no output p'],
    ],
    'a circle': [
      'locals {\n  a = local.b\n  b = [local.a]\n}\n',
      ['goes round in a circle: local.a -> local.b -> local.a'],
    ],
    'a circle through modules': [
      {
        'x.tf': `${call('  x = local.a\n')}locals {\n  a = module.m.o\n}\n`,
        'modules/m/x.tf': variable('x') + outputOf('var.x'),
      },
      ['goes round in a circle: local.a -> output.o of modules/m -> var.x of modules/m -> local.a'],
    ],
    'a circle by what a module waits for': [
      {
        'x.tf':
          call('  depends_on = [google_storage_bucket.b]\n') + bucket.replace('"US"', 'module.m.o'),
        'modules/m/x.tf': outputOf('1'),
      },
      [
        'goes round in a circle: google_storage_bucket.b -> output.o of modules/m -> google_storage_bucket.b',
      ],
    ],
  };

async function modulesOf(text: string | Files): Promise<Modules> {
  const modules = new Map();
  for (const [path, own] of Object.entries(typeof text === 'string' ? { 'x.tf': text } : text)) {
    const directory = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    modules.set(directory, [await parseFile(path, own)]);
  }
  return modules;
}

describe('the check of what is named', { skip }, () => {
  for (const [what, [text, errors]] of Object.entries(wrong)) {
    it(`finds ${what}`, async () => {
      assert.deepEqual(await findReferenceErrors(await modulesOf(text)), errors);
    });
  }

  it('takes what is right', async () => {
    const text = {
      'x.tf': [
        variable('x'),
        buckets.replace('"US"', `"\${var.x}-\${each.key}"`),
        service,
        call(
          '  x = { for k, b in google_storage_bucket.b : k => b.url if b.url != each.value }\n  for_each = toset([1])\n',
        ),
        outputOf(
          '[google_storage_bucket.b["a"].cors[0].origin[0], google_cloud_run_v2_service.s.urls[*]]',
        ),
        'output "p" {\n  description = "It."\n  value = [for m in module.m : m.o]\n}\n',
      ].join(''),
      'modules/m/x.tf': variable('x') + outputOf('coalesce(var.x...)'),
    };
    const errors = await findReferenceErrors(await modulesOf(text));
    // What goes through all of a module with many is not followed.
    assert.deepEqual(errors, ['modules/m/x.tf: nobody uses output.o']);
  });
});
