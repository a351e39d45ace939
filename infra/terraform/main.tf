# Berth on Google Cloud, in parts. Read downwards: what holds data, who may do what, what runs, what stands in front.

module "storage" {
  source = "./modules/storage"

  project = var.project
  buckets = local.bucket_places

  depends_on = [google_project_service.needed]
}

module "database" {
  source = "./modules/database"

  project  = var.project
  name     = var.database
  location = var.metadata_region

  depends_on = [google_project_service.needed]
}

module "secrets" {
  source = "./modules/secrets"

  project = var.project

  depends_on = [google_project_service.needed]
}

module "events" {
  source = "./modules/events"

  project        = var.project
  project_number = data.google_project.registry.number
  region         = local.region
  subscribers    = var.subscribers
  # What wakes the relay, where the database is.
  database         = module.database.name
  trigger_location = var.metadata_region
  relay            = module.functions.services["events"]
  trigger_account  = module.identities.accounts["trigger"]

  depends_on = [google_project_service.needed, terraform_data.service_agents]
}

module "identities" {
  source = "./modules/identities"

  project         = var.project
  database        = module.database.name
  blobs_buckets   = module.storage.blobs_buckets
  staging_buckets = module.storage.staging_buckets
  mirror_bucket   = module.storage.mirror_bucket
  topic           = module.events.topic
  secrets         = module.secrets.ids
  google_groups   = var.google_groups

  depends_on = [google_project_service.needed]
}

# The first keys and the password of the user admin, which functions need to start. From then on the function `keys` makes
# new ones by a schedule. They are made here and kept in Secret Manager alone: Terraform's state never has them.
resource "terraform_data" "first_keys" {
  triggers_replace = module.secrets.ids

  provisioner "local-exec" {
    working_dir = "${path.module}/../.."
    command     = "npm run first-keys -- --project ${var.project} --url-account ${module.identities.accounts["urls"]}"
  }

  depends_on = [module.identities]
}

module "release" {
  source = "./modules/release"

  project = var.project
  region  = local.region
  release = var.release
  account = module.identities.accounts["release"]
  builder = module.identities.accounts["builder"]

  depends_on = [google_project_service.needed]
}

module "functions" {
  source = "./modules/functions"

  project             = var.project
  region              = local.region
  accounts            = module.identities.accounts
  environments        = local.environments
  secret_environments = local.secret_environments
  source_archive      = module.release.functions
  repository          = module.release.repository
  instances_max       = var.instances_max

  # A function that may not read its secrets does not start.
  depends_on = [module.identities, terraform_data.first_keys]
}

module "streaming_services" {
  source = "./modules/streaming-services"

  project             = var.project
  region              = local.region
  locations           = local.regions_of_locations
  mirror              = local.mirror_region
  accounts            = module.identities.accounts
  environments        = local.environments
  secret_environments = local.secret_environments
  image               = module.release.image
  instances_max       = var.instances_max

  depends_on = [module.identities, terraform_data.first_keys]
}

module "load_balancer" {
  source = "./modules/load-balancer"

  project        = var.project
  region         = local.region
  domains        = var.domains
  mirror_domains = local.mirror_domains
  functions      = module.functions.services
  uploads        = module.streaming_services.uploads
  admin          = module.streaming_services.admin
  mirror         = module.streaming_services.mirror
  throttle       = var.throttle

  depends_on = [google_project_service.needed]
}

module "schedules" {
  source = "./modules/schedules"

  project   = var.project
  region    = local.region
  functions = module.functions.uris
  account   = module.identities.accounts["scheduler"]
}

module "observability" {
  source = "./modules/observability"

  project                  = var.project
  alert_email              = var.alert_email
  domains                  = keys(var.domains)
  mirror_domains           = local.mirror_domains
  services                 = module.functions.services
  instances_max            = merge(module.functions.instances_max, module.streaming_services.instances_max)
  dead_letter_subscription = module.events.dead_letters
  monthly_budget           = var.monthly_budget

  depends_on = [google_project_service.needed]
}
