# What the functions are told. Which of them reads what is written in functions/settings.ts, and generated from there
# (settings.json): each is given all that it reads, and nothing else.

locals {
  # Variable → who reads it, and what it is where nothing else is said.
  known_settings = jsondecode(file("${path.module}/settings.json"))

  # Made of what else is said, so that nobody says it twice.
  made_settings = merge(
    {
      GOOGLE_CLOUD_PROJECT = var.project
      BERTH_DATABASE       = module.database.name
      BERTH_HOSTS          = join(",", [for domain, location in var.domains : "${domain}=${location}"])
      BERTH_BLOBS_BUCKET   = module.storage.blobs_bucket_template
      BERTH_STAGING_BUCKET = module.storage.staging_bucket_template
      BERTH_TOPIC          = module.events.topic_name
      # Whose HMAC key signs the addresses of blobs.
      BERTH_URL_ACCOUNT = module.identities.accounts["urls"]
      # The load balancer appends the client's address and its own, and nobody comes past it.
      BERTH_PROXIES = "2"
    },
    var.mirror == null ? {} : {
      BERTH_MIRRORS = join(",", [for domain, upstream in var.mirror.domains : upstream == "" ? domain : "${domain}=${upstream}"])
    },
  )

  settings = merge(
    { for name, value in var.settings : name => value if value != "" },
    local.made_settings,
    {
      # Who releases looks after everything; the first thing that a release does is to push, pull and delete an image. Of a
      # token that a build has, Google tells the account's number and not its address.
      BERTH_OPERATORS = join(",", concat(
        ["serviceAccount:${module.identities.accounts["release"]}", "serviceAccount:${module.identities.unique_ids["release"]}"],
        compact([lookup(var.settings, "BERTH_OPERATORS", "")]),
      ))
    },
  )

  functions = toset(flatten([for setting in local.known_settings : setting.read_by]))

  # Function → variable → value, of what is no secret. What is nothing is left out: it is the same to the functions, and
  # Google keeps no variable without a value. What has to be set and is not stays, as null, for which the modules look.
  environments = {
    for function in local.functions : function => {
      for name, setting in local.known_settings : name => lookup(local.settings, name, setting.default)
      if contains(setting.read_by, function) && !contains(keys(module.secrets.variables), name) && (contains(keys(local.settings), name) || setting.default != "")
    }
  }

  # Function → variable → the secret that it is.
  secret_environments = {
    for function in local.functions : function => {
      for name, secret in module.secrets.variables : name => secret
      if contains(local.known_settings[name].read_by, function)
    }
  }
}
