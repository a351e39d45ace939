variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where releases are kept, and functions built: where these run."
  type        = string
}

variable "account" {
  description = "The e-mail address of the service account that releases."
  type        = string
}

variable "builder" {
  description = "The e-mail address of the service account that builds the functions and the image."
  type        = string
}

variable "release" {
  description = "What is deployed: the name of the functions' archive in the bucket, and the image by its digest. Made of this checkout when left out."
  type        = object({ functions = string, image = string })
  default     = null
}
