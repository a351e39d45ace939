# Which request goes where. The rules are made from the code's route table (url-map.json); here they are laid over the hosts:
# each location has the same ones, but for who receives its uploads.

locals {
  url_map = jsondecode(file("${path.module}/url-map.json"))

  # The functions that clients reach. Triggers and schedules reach the others, past the load balancer.
  named = toset(concat([for rule in local.url_map.rules : rule.backend], [local.url_map.default]))

  # Backend → its service.
  services = merge(
    { for function, service in var.functions : function => { name = service, region = var.region } if contains(local.named, function) },
    { for location, service in var.uploads : "uploads-${location}" => service },
    { admin = var.admin },
    length(var.mirror_domains) == 0 ? {} : { mirror = var.mirror },
  )

  # Location → the hosts that lie in it, by which rules they are asked, and who answers what no rule fits. A client that
  # writes the port of HTTPS in an image's name has it in its Host header.
  registries = {
    for location in toset(values(var.domains)) : location => {
      hosts   = flatten([for domain, at in var.domains : [domain, "${domain}:443"] if at == location])
      default = local.url_map.default
      rules = [
        for rule in local.url_map.rules :
        merge(rule, { backend = rule.backend == "uploads" ? "uploads-${location}" : rule.backend })
      ]
    }
  }
  mirrors = length(var.mirror_domains) == 0 ? {} : {
    mirror = {
      hosts   = flatten([for domain in var.mirror_domains : [domain, "${domain}:443"]])
      default = "mirror"
      rules   = []
    }
  }
  path_matchers = merge(local.registries, local.mirrors)

  # A URL map has 100 tests at most: all of them for one host, and for each of the others that it is the host it is.
  an_upload = [for test in local.url_map.tests : test.path if test.backend == "uploads" && !can(test.headers)][0]
  all_tests = concat(
    [
      for test in local.url_map.tests : {
        description = test.description
        host        = keys(var.domains)[0]
        path        = test.path
        headers     = try(test.headers, {})
        backend     = test.backend == "uploads" ? "uploads-${values(var.domains)[0]}" : test.backend
      }
    ],
    [
      for domain, location in var.domains : {
        description = "Uploads are received where they are kept."
        host        = domain
        path        = local.an_upload
        headers     = {}
        backend     = "uploads-${location}"
      }
    ],
    [
      for domain in var.mirror_domains : {
        description = "A mirror is a mirror."
        host        = domain
        path        = "/v2/"
        headers     = {}
        backend     = "mirror"
      }
    ],
  )
  tests = slice(local.all_tests, 0, min(100, length(local.all_tests)))
}
