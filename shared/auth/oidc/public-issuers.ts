// Issuers at which everyone has an account. That a token is theirs says nothing of whose it is, so a rule for
// them must name whose: a condition on a claim that the issuer, and not the one who runs a job, fills in.

interface PublicIssuer {
  readonly name: string;
  /** Claims that say whose job it is. */
  readonly claims: readonly string[];
  /** What `sub` may begin with, before `:` or `/` and whose it is; absent where it is an opaque id. */
  readonly subjects?: readonly string[];
  /** A condition that does. */
  readonly example: string;
}

const publicIssuers: Readonly<Record<string, PublicIssuer>> = {
  // job_workflow_ref is not among them: a public workflow may be called by everyone's jobs.
  'https://token.actions.githubusercontent.com': {
    name: 'GitHub Actions',
    claims: [
      'repository',
      'repository_id',
      'repository_owner',
      'repository_owner_id',
      'workflow_ref',
      'enterprise',
      'enterprise_id',
    ],
    subjects: ['repo'],
    example: '{"repository": "octo-org/*"}',
  },
  'https://gitlab.com': {
    name: 'GitLab.com',
    claims: ['project_path', 'project_id', 'namespace_path', 'namespace_id'],
    subjects: [],
    example: '{"project_path": "my-group/*"}',
  },
  'https://accounts.google.com': {
    name: 'Google',
    claims: ['email', 'hd'],
    example: '{"hd": "example.com"}',
  },
  'https://oidc.circleci.com': {
    name: 'CircleCI',
    claims: ['oidc.circleci.com/org-id', 'oidc.circleci.com/project-id'],
    subjects: ['org'],
    example: '{"oidc.circleci.com/project-id": "…"}',
  },
  'https://agent.buildkite.com': {
    name: 'Buildkite',
    claims: ['organization_slug', 'organization_id', 'pipeline_id'],
    subjects: ['organization'],
    example: '{"organization_slug": "acme"}',
  },
  'https://oidc.codefresh.io': {
    name: 'Codefresh',
    claims: ['account_id', 'account_name', 'pipeline_id'],
    subjects: ['account'],
    example: '{"account_id": "…"}',
  },
  'https://app.terraform.io': {
    name: 'HCP Terraform',
    claims: [
      'terraform_organization_id',
      'terraform_organization_name',
      'terraform_project_id',
      'terraform_workspace_id',
    ],
    subjects: ['organization'],
    example: '{"terraform_organization_name": "acme"}',
  },
  'https://oidc.vercel.com': {
    name: 'Vercel',
    claims: ['owner', 'owner_id', 'project_id'],
    subjects: ['owner'],
    example: '{"owner_id": "…"}',
  },
  'https://oauth2.sigstore.dev/auth': {
    name: 'Sigstore',
    claims: ['email'],
    example: '{"email": "ci@example.com"}',
  },
};

/**
 * Why a rule for that issuer would let in people whom its author does not know, and what to add; `undefined` when it would
 * not, or the issuer is nobody's known to be everyone's.
 * @param conditions claim → pattern
 */
export function tenantFault(
  issuer: string,
  conditions: Readonly<Record<string, string>>,
): string | undefined {
  const known = Object.hasOwn(publicIssuers, withoutSlash(issuer))
    ? publicIssuers[withoutSlash(issuer)]
    : undefined;
  if (known === undefined) return undefined;
  const whose = Object.entries(conditions).some(([claim, pattern]) =>
    claim === 'sub' ? pinsSubject(known, pattern) : known.claims.includes(claim) && pins(pattern),
  );
  if (whose) return undefined;
  const claims = ['sub', ...known.claims].join(', ');
  return (
    `claims must say whose jobs are meant: everyone can have a token of ${known.name}, so without that anyone could come. ` +
    `Add a condition on one of ${claims}, with the whole owner before any *, such as ${known.example}`
  );
}

function withoutSlash(issuer: string): string {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
}

/** Whether a pattern names one owner: no wildcard before the end of the first part of the name. */
function pins(pattern: string, ends = /^[^/:]+[/:]/): boolean {
  const [fixed = ''] = pattern.split('*', 1);
  return fixed === pattern || ends.test(fixed);
}

/**
 * Who may shape the subject of their own jobs (GitHub's "customizing the subject claims") can have any text in it, but not
 * behind the label of another claim: so it must begin with a label that says whose. GitHub's newer subjects have the
 * owner's id behind an `@`, which no name holds.
 */
function pinsSubject({ claims, subjects }: PublicIssuer, pattern: string): boolean {
  if (subjects === undefined) return !pattern.includes('*');
  const [label = ''] = pattern.split(/[:/]/, 1);
  if (![...subjects, ...claims].includes(label)) return false;
  return pins(pattern.slice(label.length + 1), /^[^/:@]+[/:@]/);
}
