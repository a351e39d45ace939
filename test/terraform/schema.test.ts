// Every resource and each argument is one that the provider has.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFile, readModules, withoutPackages } from './hcl.ts';
import { changes, findSchemaErrors, isChange, schemaOf } from './schema.ts';

const skip = withoutPackages();

describe('the configuration, against the provider’s schema', { skip }, () => {
  it('uses what there is, and gives all that is required', async () => {
    const files = [...(await readModules()).values()].flat();
    assert.ok(files.length > 0);
    assert.deepEqual(files.flatMap(findSchemaErrors), []);
  });

  for (const change of changes) {
    const { type, path = [], why } = change;
    it(`${[type, ...path].join('.')} is other in version 7: ${why}`, () => {
      assert.ok(isChange(change), 'the schema has it by itself: the entry is not needed any more');
    });
  }

  it('allows nothing more that nobody uses', async () => {
    const files = [...(await readModules()).values()].flat();
    for (const { type, path = [], change } of changes) {
      if (typeof change === 'string' || !('added' in change)) continue;
      const name = path.at(-1) ?? '';
      const users = files.filter(({ text }) => text.includes(`"${type}"`) && text.includes(name));
      assert.notDeepEqual(users, [], `${[type, ...path].join('.')} can go from the list`);
    }
  });

  it('knows the types, nested blocks and what is told of a resource', () => {
    const service = schemaOf('resource', 'google_cloud_run_v2_service');
    const template = service?.blocks.get('template')?.schema;
    const containers = template?.blocks.get('containers');
    assert.equal(containers?.many, true);
    assert.equal(template?.attributes.get('max_instance_request_concurrency')?.type, 'number');
    assert.deepEqual(containers?.schema.attributes.get('args')?.type, ['list', 'string']);
    assert.equal(service?.attributes.get('uri')?.computed, true);
    assert.equal(service?.blocks.get('timeouts')?.nesting, 'single');
  });
});

const bucket = 'name = "a"\n location = "US"\n';
const service = 'name = "a"\n location = "us-central1"\n';

/** What is wrong → a block, and the error that tells so. The braces of blocks stand alone, as `terraform fmt` leaves them. */
const wrong: Readonly<Record<string, readonly [string, string]>> = {
  'a type that there is not': [
    'resource "google_storage_buckett" "x" {\n}',
    'google_storage_buckett.x: there is no resource of type google_storage_buckett',
  ],
  'a type of data that is one of resources': [
    'data "google_storage_bucket_acl" "x" {\n}',
    'data.google_storage_bucket_acl.x: there is no data of type google_storage_bucket_acl',
  ],
  'a type that version 7 does not have any more': [
    'resource "google_tpu_node" "x" {\n}',
    'google_tpu_node.x: there is no resource of type google_tpu_node',
  ],
  'a wrong name at the top': [
    `resource "google_storage_bucket" "x" {\n${bucket} storage_clas = "STANDARD"\n}`,
    'google_storage_bucket.x: storage_clas is unknown',
  ],
  'a wrong name one block down': [
    `resource "google_storage_bucket" "x" {\n${bucket} versioning {\n enabled = true\n enable = true\n }\n}`,
    'google_storage_bucket.x: versioning.enable is unknown',
  ],
  'a wrong name two blocks down': [
    `resource "google_storage_bucket" "x" {\n${bucket} lifecycle_rule {\n action {\n type = "Delete"\n }\n condition {\n agee = 1\n }\n }\n}`,
    'google_storage_bucket.x: lifecycle_rule.condition.agee is unknown',
  ],
  'a wrong name three blocks down': [
    `resource "google_cloud_run_v2_service" "x" {\n${service} template {\n containers {\n image = "i"\n startup_probe {\n tcp_socket {\n prt = 1\n }\n }\n }\n }\n}`,
    'google_cloud_run_v2_service.x: template.containers.startup_probe.tcp_socket.prt is unknown',
  ],
  'a wrong name in a dynamic block': [
    `resource "google_cloud_run_v2_service" "x" {\n${service} template {\n containers {\n image = "i"\n dynamic "env" {\n for_each = var.x\n content {\n name = env.key\n valeu = env.value\n }\n }\n }\n }\n}`,
    'google_cloud_run_v2_service.x: template.containers.env.valeu is unknown',
  ],
  'a dynamic block that there is not': [
    `resource "google_storage_bucket" "x" {\n${bucket} dynamic "corss" {\n for_each = var.x\n content {\n }\n }\n}`,
    'google_storage_bucket.x: corss is unknown',
  ],
  'a dynamic block where an argument is wanted': [
    `resource "google_storage_bucket" "x" {\n${bucket} dynamic "labels" {\n for_each = var.x\n content {\n }\n }\n}`,
    'google_storage_bucket.x: labels is an argument, not a block',
  ],
  'a missing argument': [
    'resource "google_storage_bucket" "x" {\n name = "a"\n}',
    'google_storage_bucket.x: location is missing',
  ],
  'an argument that is null': [
    'resource "google_storage_bucket" "x" {\n name = "a"\n location = null\n}',
    'google_storage_bucket.x: location is missing',
  ],
  'a missing block': [
    `resource "google_cloud_run_v2_service" "x" {\n${service}}`,
    'google_cloud_run_v2_service.x: template is missing',
  ],
  'a missing argument two blocks down': [
    `resource "google_storage_bucket" "x" {\n${bucket} lifecycle_rule {\n condition {\n age = 1\n }\n action {\n storage_class = "NEARLINE"\n }\n }\n}`,
    'google_storage_bucket.x: lifecycle_rule.action.type is missing',
  ],
  'a missing argument in a dynamic block': [
    `resource "google_cloud_run_v2_service" "x" {\n${service} template {\n containers {\n image = "i"\n dynamic "env" {\n for_each = var.x\n content {\n value = env.value\n }\n }\n }\n }\n}`,
    'google_cloud_run_v2_service.x: template.containers.env.name is missing',
  ],
  'an argument that version 7 wants': [
    'resource "google_cloudfunctions2_function" "x" {\n name = "a"\n location = "b"\n event_trigger {\n trigger_region = "c"\n }\n}',
    'google_cloudfunctions2_function.x: event_trigger.event_type is missing',
  ],
  'an argument that version 7 only tells': [
    'resource "google_cloudfunctions2_function" "x" {\n name = "a"\n location = "b"\n service_config {\n service = "c"\n }\n}',
    'google_cloudfunctions2_function.x: service_config.service is only told, and cannot be given',
  ],
  'what only the provider tells': [
    `resource "google_storage_bucket" "x" {\n${bucket} self_link = "https://x"\n}`,
    'google_storage_bucket.x: self_link is only told, and cannot be given',
  ],
  'a map where a block is wanted': [
    `resource "google_storage_bucket" "x" {\n${bucket} versioning = {\n enabled = true\n }\n}`,
    'google_storage_bucket.x: versioning is a block, not an argument',
  ],
  'an expression where a block is wanted': [
    `resource "google_storage_bucket" "x" {\n${bucket} versioning = var.x\n}`,
    'google_storage_bucket.x: versioning is a block, not an argument',
  ],
  'a list of objects where blocks are wanted': [
    `resource "google_storage_bucket" "x" {\n${bucket}  cors = [{ origin = ["*"] }]\n}`,
    'google_storage_bucket.x: cors is a block, not an argument',
  ],
  'a block where a map is wanted': [
    `resource "google_storage_bucket" "x" {\n${bucket} labels {\n a = "b"\n }\n}`,
    'google_storage_bucket.x: labels is an argument, not a block',
  ],
  'two blocks where one is wanted': [
    `resource "google_storage_bucket" "x" {\n${bucket} versioning {\n enabled = true\n }\n versioning {\n enabled = false\n }\n}`,
    'google_storage_bucket.x: versioning is written more than once',
  ],
  'a text for a number': [
    `resource "google_storage_bucket" "x" {\n${bucket} soft_delete_policy {\n retention_duration_seconds = "a week"\n }\n}`,
    'google_storage_bucket.x: soft_delete_policy.retention_duration_seconds is "a week", not a number',
  ],
  'a text for a bool': [
    `resource "google_storage_bucket" "x" {\n${bucket} force_destroy = "no"\n}`,
    'google_storage_bucket.x: force_destroy is "no", not a bool',
  ],
  'a list for a text': [
    'resource "google_storage_bucket" "x" {\n name = ["a"]\n location = "US"\n}',
    'google_storage_bucket.x: name is a list, not a string',
  ],
  'a computed list for a text': [
    'resource "google_storage_bucket" "x" {\n name = [for a in var.b : a]\n location = "US"\n}',
    'google_storage_bucket.x: name is a list or a map, not a string',
  ],
  'a text for a list': [
    `resource "google_storage_bucket" "x" {\n${bucket} cors {\n origin = "*"\n }\n}`,
    'google_storage_bucket.x: cors.origin is a text, not a list',
  ],
  'a list for a map': [
    `resource "google_storage_bucket" "x" {\n${bucket} labels = ["a"]\n}`,
    'google_storage_bucket.x: labels is a list, not a map',
  ],
  'a value that is none of those there are': [
    'resource "google_firestore_database" "x" {\n name = "a"\n location_id = "b"\n type = "FIRESTORE"\n}',
    'google_firestore_database.x: type is "FIRESTORE", which is none of FIRESTORE_NATIVE, DATASTORE_MODE',
  ],
  'ignoring changes of what there is not': [
    `resource "google_storage_bucket" "x" {\n${bucket} lifecycle {\n ignore_changes = [label]\n }\n}`,
    'google_storage_bucket.x: lifecycle.ignore_changes names label, which is unknown',
  ],
  'a wrong name in lifecycle': [
    `resource "google_storage_bucket" "x" {\n${bucket} lifecycle {\n prevent_destruction = true\n }\n}`,
    'google_storage_bucket.x: lifecycle.prevent_destruction is unknown',
  ],
  'a wrong name in what is Terraform’s own': [
    'resource "terraform_data" "x" {\n trigger_replace = []\n}',
    'terraform_data.x: trigger_replace is unknown',
  ],
  'a wrong name of the provider’s': [
    'provider "google" {\n projekt = "x"\n}',
    'provider google: projekt is unknown',
  ],
  'a script on data': [
    'data "google_project" "x" {\n provisioner "local-exec" {\n command = "x"\n }\n}',
    'data.google_project.x: provisioner is not taken here',
  ],
};

describe('the check by the provider’s schema', { skip }, () => {
  for (const [what, [text, error]] of Object.entries(wrong)) {
    it(`finds ${what}`, async () => {
      const errors = findSchemaErrors(await parseFile('x.tf', text));
      assert.deepEqual(errors, [`x.tf: ${error}`]);
    });
  }

  it('takes what Terraform makes right by itself, and what is only known later', async () => {
    const text = `resource "google_storage_bucket" "x" {
  for_each      = toset(["a"])
  name          = 3
  location      = "\${each.key}US"
  force_destroy = "true"
  labels        = merge({ a = true }, var.labels)
  requester_pays = null
  soft_delete_policy {
    retention_duration_seconds = "604800"
  }
  dynamic "cors" {
    for_each = var.origins
    iterator = it
    content {
      origin = [it.value]
    }
  }
  timeouts {
    create = "4m"
  }
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [labels["a"], cors[0].origin]
    precondition {
      condition     = true
      error_message = "never"
    }
  }
}`;
    assert.deepEqual(findSchemaErrors(await parseFile('x.tf', text)), []);
  });
});
