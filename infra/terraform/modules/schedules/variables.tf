variable "project" {
  description = "The id of the project."
  type        = string
}

variable "region" {
  description = "Where the jobs are kept: any region that has Cloud Scheduler (`gcloud scheduler locations list`). They may call functions of another."
  type        = string
}

variable "functions" {
  description = "Target → the https address of its function, without a path."
  type        = map(string)
}

variable "account" {
  description = "The service account in whose name the jobs call."
  type        = string
}
