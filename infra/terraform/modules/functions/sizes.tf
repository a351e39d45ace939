# What an instance of each function has, and how many there are at most.
#
# The framework reads the body of a request before the function is asked, and the platform lets 32 MiB of it through: so
# 20 at once are 640 MiB in the worst case, beside the 130 MiB that a function needs itself, and more at once would let
# anybody end an instance, and what others asked of it. One processor is the least for which more than one request at
# once is allowed; a request waits for Firestore most of the time. Most of an instance's price is the processor's.

locals {
  public = {
    public          = true
    memory          = "1Gi"
    cpu             = "1"
    concurrency     = 20
    timeout_seconds = 60
    instances_max   = 100
  }

  # The project's own schedules and triggers alone call these, with bodies of a few bytes.
  internal = {
    public          = false
    memory          = "512Mi"
    cpu             = "1"
    concurrency     = 1
    timeout_seconds = 60
    instances_max   = 1
  }

  functions = {
    token = merge(local.public, {
      description   = "Issues tokens"
      instances_max = 50
    })

    manifests = merge(local.public, {
      description = "Takes and gives manifests"
    })

    blobs = merge(local.public, {
      description = "Tells where blobs are, and deletes them"
    })

    discovery = merge(local.public, {
      description   = "Lists tags, repositories and what refers to an image"
      instances_max = 50
    })

    console = merge(local.public, {
      description   = "Shows pages to people"
      instances_max = 20
    })

    # A call for each change, of which the first one of a repository publishes what the others came for. It has to be done
    # before the trigger calls again.
    events = merge(local.internal, {
      description     = "Publishes changes"
      concurrency     = 20
      timeout_seconds = 300
      instances_max   = 10
    })

    # One run at a time, which reads on where the last one ended: a second one would do the same once more. As long as a
    # schedule waits for an answer.
    collector = merge(local.internal, {
      description     = "Removes what nobody refers to"
      memory          = "1Gi"
      timeout_seconds = 1800
    })

    # Of two that replace keys at once, one would replace the other's.
    keys = merge(local.internal, {
      description = "Replaces the keys that sign"
    })
  }

  # Of every function, beside what it reads itself.
  environment = {
    # Tokens that name many scopes make headers longer than Node takes.
    NODE_OPTIONS = "--max-http-header-size=65536"
    # The framework would take apart each line of the log to add to it. Requests have an id of ours.
    LOG_EXECUTION_ID = "false"
  }

  invokers = merge(
    {
      for name, function in local.functions : name => { function = name, member = "allUsers" } if function.public
    },
    {
      events_trigger      = { function = "events", member = "serviceAccount:${var.accounts["trigger"]}" }
      events_scheduler    = { function = "events", member = "serviceAccount:${var.accounts["scheduler"]}" }
      collector_scheduler = { function = "collector", member = "serviceAccount:${var.accounts["scheduler"]}" }
      keys_scheduler      = { function = "keys", member = "serviceAccount:${var.accounts["scheduler"]}" }
    },
  )
}
